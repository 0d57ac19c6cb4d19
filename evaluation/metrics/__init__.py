"""The metrics, each as its authors define it and cited in its module; found by the data set that they belong to."""
