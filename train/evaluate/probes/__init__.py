"""Small classifiers on frozen features: nearest neighbours, linear layers, logistic regression."""
