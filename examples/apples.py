"""Two apples at 100 each, 10 % tax: what they cost, and how much each number matters for it.

python examples/apples.py [apples.svg]
"""

import sys

import clearprop as cp


def total(apple, number, tax):
    apple_price = apple * number  # (1)
    price = apple_price * tax  # (2)
    return price


def main(path="apples.svg"):
    g = cp.trace(total, 100.0, 2.0, 1.1)
    d = g.backward()  # (2), then (1)

    print(
        f"{'':12} {'value':>7} {'influence':>10}   one more unit of it changes the price by so much"
    )
    for name in ("apple", "number", "tax", "apple_price", "price"):
        print(f"{name:12} {g[name]:7.1f} {d[name]:10.1f}")

    g.to_svg(path, gradients=d)
    print(f"The graph, with these numbers on its arrows: {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
