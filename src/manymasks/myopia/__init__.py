"""What forbidding gradients to earlier positions costs."""
