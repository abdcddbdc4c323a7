"""One member's forward pass, gradients and update in C++, on one core of a CPU."""
