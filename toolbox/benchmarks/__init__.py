"""What ``toolbox benchmark`` measures."""
