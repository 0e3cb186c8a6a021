"""The paper's experiment, Section 6: its images, its training, its measurement, and its peers."""
