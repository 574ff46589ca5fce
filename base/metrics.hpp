#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace troupe {

/// All metrics of a node. Each module has a `probe` class that registers its own at construction and
/// offers verbs to its code; the operations port writes them out in Prometheus' text format.
using metric_registry = prometheus::Registry;

/// Upper bounds in seconds for the latency of a request or a statement: 0.1 ms to 10 s.
inline const prometheus::Histogram::BucketBoundaries latency_buckets{
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

/// Upper bounds for how many things went together: 1 to 4096.
inline const prometheus::Histogram::BucketBoundaries size_buckets{
  1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

} // namespace troupe
