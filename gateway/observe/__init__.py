"""What the window tells about itself: metrics, traces, signs of life."""
