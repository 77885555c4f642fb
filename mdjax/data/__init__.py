"""From prepared data sets to batches: decoding, the thermal camera simulator, augmentation."""
