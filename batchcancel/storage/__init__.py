"""Object stores: where manifests are fetched from, by way of fsspec."""
