"""One thin file a stage: read manifests, call the science, write the artifact."""
