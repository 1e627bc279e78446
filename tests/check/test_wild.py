"""Faults as people make them, in the styles in which they write networks; right code as well."""

from pathlib import Path

import pytest

from clearprop.check.handwritten.judging import check_file
from clearprop.check.handwritten.model import FAULT, FileReport

WILD = Path(__file__).parents[1] / "handwritten" / "wild"

#: file, what is wrong in it, the causes that say so, the lines where it may be mended
FAULTS = [
    ("affine_relu_forgets_mask", "TwoLayerNet", {"mask"}, {28}),
    ("backprop_updated_weight_used", "NeuralNet", {"updated-parameter"}, {22, 23}),
    ("decay_not_doubled", "TwoLayerNet", {"missing-term", "factor"}, {32}),
    ("error_for_delta", "Neural_Network", {"wrong-value"}, {27}),
    ("l_layer_dal_sign", "L_model_backward", {"sign"}, {81}),
    ("linreg_class_step", "LinearRegression", {"batch-factor"}, {18}),
    ("list_of_weights_wrong_layer", "NeuralNetwork", {"wrong-value"}, {30}),
    ("logreg_fit_sign", "compute_grad", {"sign"}, {16}),
    ("micrograd_exp_assigns", "Value.exp", {"not-accumulated"}, {40}),
    ("micrograd_pow_exponent", "Scalar.__pow__", {"local-factor"}, {33}),
    ("micrograd_sub_sign", "Value.__sub__", {"sign"}, {23}),
    ("minchar_dhnext_not_added", "lossFun", {"missing-term"}, {38}),
    ("minchar_wrong_step", "lossFun", {"window", "wrong-value"}, {34}),
    ("nn_train_function_lr", "train", {"wrong-value", "local-factor"}, {22}),
    (
        "number_with_grad_resends_total",
        "NumberWithGrad.backward",
        {"wrong-value"},
        {25, 26, 28, 29},
    ),
    ("planar_mean_twice", "backward_propagation", {"batch-factor"}, {30}),
    ("propagate_forgets_mean_db", "propagate", {"batch-factor"}, {12}),
    (
        "regularized_uses_wrong_weight",
        "backward_propagation_with_regularization",
        {"batch-factor"},
        {28},
    ),
    ("relu_in_a_script", "training loop", {"local-factor", "mask"}, {26, 28}),
    ("script_of_tanh", "training loop", {"local-factor"}, {26}),
    ("sigmoid_deriv_flag", "Net", {"wrong-value"}, {29}),
    ("slope_of_activation", "Network", {"wrong-value"}, {29}),
    ("slope_of_output_missing", "NeuralNetwork", {"local-factor"}, {23}),
    ("svm_missing_factor_two", "svm_loss_naive", {"factor"}, {22}),
    ("tensor_add_no_unbroadcast", "Tensor.__add__", {"batch-sum"}, {14}),
    ("tensor_matmul_mean", "Tensor.mean", {"factor", "batch-factor"}, {29}),
    ("three_layers_doubled", "backward_propagation_n", {"factor"}, {36}),
    ("train_uses_undelta", "NeuralNetwork", {"wrong-value"}, {24}),
    ("two_layer_numpy_script", "training loop", {"mask"}, {21}),
    ("updated_in_a_script", "training loop", {"updated-parameter"}, {22, 24}),
    ("conv_layer_gradient_last_filter", "Conv3x3", {"window"}, {26}),
    ("dense_updates_first", "Dense", {"updated-parameter"}, {25, 27}),
    ("huber_boundary", "huber_grad", {"local-factor"}, {9}),
    ("layernorm_axis_copied", "layernorm_backward", {"batch-sum"}, {18}),
    ("layernorm_class_mean_term", "LayerNorm", {"missing-term"}, {20}),
    ("lstm_gates_copied", "LstmCell", {"wrong-value"}, {33}),
    ("maxpool_return_indent", "MaxPoolingLayer", {"not-accumulated"}, {34}),
    ("nnfs_softmax_diag_only", "Activation_Softmax", {"jacobian"}, {12}),
    ("prediction_relu_derivative_missing", "training loop", {"mask"}, {20}),
    ("softmax_of_quotient", "Softmax", {"jacobian"}, {18}),
    ("svm_vectorized_count", "svm_loss_vectorized", {"batch-sum"}, {13}),
    ("tanh_d_returns_tanh", "tanh_d", {"local-factor"}, {15}),
    ("theta_bias_regularized", "lrCostFunction", {"extra-term"}, {11}),
    ("gru_gates_joined", "gru_step_backward", {"local-factor"}, {29}),
    ("groupnorm_counts_pixels", "GroupNormalization", {"batch-factor", "wrong-value"}, {26}),
    ("batchnorm_inference_multiplies", "BatchNorm1d", {"local-factor", "operator"}, {28, 29}),
    ("two_layers_mask_of_gradient", "two_layer_loss", {"wrong-value", "mask"}, {20}),
    ("upsampling_one_neighbour", "BilinearUpsample1D", {"missing-term"}, {14, 15}),
    ("mlp_bends_last_layer", "MLP", {"local-factor"}, {26}),
    ("softmax_loops_every_class", "softmax_loss_naive", {"mask"}, {13}),
    ("windows_kernel_not_turned", "Conv2d", {"window"}, {21}),
    ("gumbel_diagonal_only", "GumbelSoftmax", {"jacobian"}, {16}),
    ("gradient_without_bias", "compute_gradient", {"missing-term"}, {11}),
    ("smooth_l1_branch", "SmoothL1", {"local-factor"}, {14}),
    ("svm_returns_gradient", "LinearSVM", {"factor"}, {17}),
    ("bias_of_a_dictionary", "regression_loss", {"batch-sum", "batch-factor"}, {9}),
    ("birnn_not_turned_back", "BiRNN", {"window"}, {37}),
]

#: Right code: what must have been judged in it.
RIGHT = {
    "ok_backward_with_output": "Neural_Network",
    "ok_conv3x3": "Conv3x3",
    "ok_dense_immediate": "Dense",
    "ok_data_in_constructor": "NeuralNetwork",
    "ok_gradcheck_coursera": "backward_propagation",
    "ok_layernorm_class": "LayerNorm",
    "ok_lists": "Network",
    "ok_lists_cross_entropy": "Network",
    "ok_micrograd": "Value.__pow__",
    "ok_minchar": "lossFun",
    "ok_momentum_class": "MLP",
    "ok_number_with_grad": "NumberWithGrad.backward",
    "ok_penalty_without_bias": "cost_function",
    "ok_private_methods": "NeuralNetwork",
    "ok_script_two_layer": "training loop",
    "ok_short_script": "training loop",
    "ok_state_of_a_cell": "LstmCell",
    "ok_tensor_engine": "Tensor.__matmul__",
    "ok_three_layer": "backward_propagation_n",
    "ok_train_function": "train",
    "ok_train_immediate": "NeuralNetwork",
    "ok_penalty_in_backward": "Layer_Dense",
    "ok_tokens_and_positions": "TokenAndPosition",
    "ok_layernorm_of_a_shape": "LayerNorm2d",
    "ok_contrastive_pair": "contrastive_loss",
    "ok_prelu_one_slope": "PReLU",
    "ok_attention_by_docstring": "additive_attention_backward",
    "ok_lists_of_layers": "backward_pass",
    "ok_padded_loops": "DepthwiseConv2D",
    "ok_batchnorm_inference": "BatchNorm1d",
    "ok_elastic_net": "elastic_net",
}


def judged(name: str, folder: Path) -> FileReport:
    path = folder / f"{name}.py"
    path.write_text((WILD / f"{name}.txt").read_text(encoding="utf-8"), encoding="utf-8")
    return check_file(path)


@pytest.mark.parametrize(("name", "what", "causes", "lines"), FAULTS, ids=[f[0] for f in FAULTS])
def test_a_fault_is_found_with_its_cause_and_line(
    name: str, what: str, causes: set[str], lines: set[int], tmp_path: Path
) -> None:
    report = judged(name, tmp_path)
    wrong = {j.name: j for j in report.judgements if j.verdict == FAULT}
    assert set(wrong) == {what}
    first = wrong[what].findings[0]
    assert first.cause in causes, first.sentence
    assert first.place is not None
    assert first.place.line in lines


@pytest.mark.parametrize("name", RIGHT)
def test_right_code_is_judged_and_not_called_wrong(name: str, tmp_path: Path) -> None:
    report = judged(name, tmp_path)
    assert all(j.verdict != FAULT for j in report.judgements), report.judgements
    assert {j.name for j in report.judgements if j.ok} >= {RIGHT[name]}


def test_every_file_is_used() -> None:
    known = {fault[0] for fault in FAULTS} | set(RIGHT)
    assert known == {path.stem for path in WILD.glob("*.txt")}
