"""The layers against backward passes derived by hand, and the numbers that textbooks print."""

import numpy as np

from clearprop import nn

rng = np.random.default_rng(3)
X, W, B = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=5)
T = np.array([2, 0, 4])


def close(found, wanted, rtol=1e-13):
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-15)


def test_two_apples():
    apple, tax = nn.Mul(), nn.Mul()
    price = tax.forward(apple.forward(100, 2), 1.1)
    dapple_price, dtax = tax.backward(1)
    dapple, dcount = apple.backward(dapple_price)
    assert (price, dapple, dcount, dtax) == (220.00000000000003, 2.2, 110.00000000000001, 200)


def test_two_apples_and_three_oranges():
    apples, oranges, total, tax = nn.Mul(), nn.Mul(), nn.Add(), nn.Mul()
    price = tax.forward(total.forward(apples.forward(100, 2), oranges.forward(150, 3)), 1.1)
    dtotal, dtax = tax.backward(1)
    dapples, doranges = total.backward(dtotal)
    dorange, dorange_count = oranges.backward(doranges)
    dapple, dapple_count = apples.backward(dapples)
    assert (price, dtax) == (715.0000000000001, 650)
    assert (dapple_count, dapple) == (110.00000000000001, 2.2)
    assert (dorange, dorange_count) == (3.3000000000000003, 165)


def test_the_sigmoid_as_a_chain_of_four_layers():
    chain = nn.Mul(), nn.Exp(), nn.Add(), nn.Reciprocal()
    y = np.array([1, 1, 1])
    y = chain[0].forward(y, -1)
    y = chain[1].forward(y)
    y = chain[2].forward(y, 1)
    y = chain[3].forward(y)
    d = chain[3].backward(np.array([1, 1, 1]))
    d, _ = chain[2].backward(d)
    d = chain[1].backward(d)
    d, _ = chain[0].backward(d)
    close(y, [0.73105858] * 3, 1e-8)
    close(d, [0.19661193] * 3, 1e-7)
    one = nn.Sigmoid()
    close(one.forward(np.array([1, 1, 1])), y)
    close(one.backward(np.array([1, 1, 1])), d)


def test_affine():
    layer, dy = nn.Affine(W, B), rng.normal(size=(3, 5))
    close(layer.forward(X), np.dot(X, W) + B)
    close(layer.backward(dy), np.dot(dy, W.T))
    close(layer.dW, np.dot(X.T, dy))
    close(layer.db, np.sum(dy, axis=0))


def test_relu_gives_no_gradient_at_zero():
    layer = nn.ReLU()
    layer.forward(np.array([-1.0, 0.0, 1.0]))
    np.testing.assert_array_equal(layer.backward(np.full(3, 7.0)), [0.0, 0.0, 7.0])


def test_softmax_against_its_full_jacobian():
    layer, dy = nn.Softmax(), rng.normal(size=(3, 4))
    y = layer.forward(X)
    dx = layer.backward(dy)
    for row in range(3):
        jacobian = np.diagflat(y[row]) - np.outer(y[row], y[row])
        close(dx[row], jacobian @ dy[row], 1e-12)


def test_cross_entropy_of_probabilities():
    p = nn.Softmax().forward(X @ W)
    loss = nn.CrossEntropy()
    close(loss.forward(p, T), -np.mean(np.log(p[np.arange(3), T])))
    close(loss.backward(), -np.eye(5)[T] / p / 3)


def test_softmax_with_loss():
    loss = nn.SoftmaxWithLoss()
    loss.forward(X @ W, T)
    close(loss.backward(), (loss.y - np.eye(5)[T]) / 3, 1e-12)
    close(loss.backward(2.0), 2 * (loss.y - np.eye(5)[T]) / 3, 1e-12)


def test_softmax_with_loss_is_softmax_then_cross_entropy():
    softmax, entropy, both = nn.Softmax(), nn.CrossEntropy(), nn.SoftmaxWithLoss()
    close(both.forward(X, T % 4), entropy.forward(softmax.forward(X), T % 4))
    close(both.backward(), softmax.backward(entropy.backward()), 1e-12)


def test_binary_cross_entropy_is_summed_over_outputs_and_averaged_over_samples():
    p, t = rng.uniform(0.1, 0.9, (3, 2)), np.array([[1, 0], [0, 0], [1, 1]])
    loss = nn.BinaryCrossEntropy()
    close(loss.forward(p, t), -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p)) / 3)
    close(loss.backward(), (-t / p + (1 - t) / (1 - p)) / 3)


def test_sigmoid_with_loss_is_sigmoid_then_binary_cross_entropy():
    t = np.array([1, 0, 1])
    sigmoid, entropy, both = nn.Sigmoid(), nn.BinaryCrossEntropy(), nn.SigmoidWithLoss()
    close(both.forward(X[:, 0], t), entropy.forward(sigmoid.forward(X[:, 0]), t))
    close(both.backward(), sigmoid.backward(entropy.backward()), 1e-12)
    close(both.y, sigmoid.forward(X[:, 0]))


def test_batch_normalization():
    gamma, beta, dout = rng.normal(size=4), rng.normal(size=4), rng.normal(size=(3, 4))
    layer = nn.BatchNorm(gamma, beta)
    xc = X - X.mean(axis=0)
    std = np.sqrt(np.mean(xc**2, axis=0) + 10e-7)
    close(layer.forward(X), gamma * (xc / std) + beta, 1e-12)
    # step by step, backwards through each line
    dxn = gamma * dout
    dxc = dxn / std
    dstd = -np.sum((dxn * xc) / (std * std), axis=0)
    dvar = 0.5 * dstd / std
    dxc = dxc + (2.0 / 3) * xc * dvar
    close(layer.backward(dout), dxc - np.sum(dxc, axis=0) / 3, 1e-10)
    close(layer.dgamma, np.sum(xc / std * dout, axis=0), 1e-12)
    close(layer.dbeta, dout.sum(axis=0), 1e-12)


def test_a_network_by_hand_layer_by_layer_and_in_one_pass():
    net = nn.Sequential(
        nn.Affine(W, B), nn.ReLU(), nn.Affine(W.T, np.zeros(4)), loss=nn.SoftmaxWithLoss()
    )
    grad = {key: g.copy() for key, g in net.gradient(X, T % 4).items()}
    y = X
    for layer in net.layers.values():
        y = layer.forward(y)
    loss = net.last_layer.forward(y, T % 4)
    d = net.last_layer.backward()
    for layer in reversed(net.layers.values()):
        d = layer.backward(d)
    close(loss, net.loss(X, T % 4))
    close(grad["W1"], net.layers["Affine1"].dW)
    close(grad["b1"], net.layers["Affine1"].db)
    close(grad["W2"], net.layers["Affine2"].dW)
    close(grad["b2"], net.layers["Affine2"].db)

    hidden = np.maximum(X @ W + B, 0)
    scores = np.exp(hidden @ W.T)
    dscores = (scores / scores.sum(axis=1, keepdims=True) - np.eye(4)[T % 4]) / 3
    dhidden = dscores @ W * (hidden > 0)
    close(grad["W2"], hidden.T @ dscores, 1e-11)
    close(grad["W1"], X.T @ dhidden, 1e-11)
    close(d, dhidden @ W.T, 1e-11)
