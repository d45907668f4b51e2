"""The nets. Each takes a frozen config and the layer classes to build with."""
