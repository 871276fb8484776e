import { markText } from "@/app/_i18n/format-text";
import { defineLines, defineSeries } from "./definitions";
import type { ChartDefinition } from "@/app/_charts/prepare/chart-definition";

/** What the worker's machine does while a run is on it. */
export const HARDWARE_CHARTS: readonly ChartDefinition[] = [
  defineLines(
    "hardware",
    "hardware-use",
    "share",
    [
      defineSeries("system/cpu", markText("Processors")),
      defineSeries("system/gpu_utilisation", markText("GPUs"), 2),
    ],
    { isOptional: true },
  ),
  defineLines(
    "machine-memory",
    "machine-memory",
    "positive",
    [
      defineSeries("system/memory_mb", markText("Machine")),
      defineSeries("system/gpu_memory_mb", markText("GPUs"), 2),
    ],
    { unit: "count", isOptional: true },
  ),
  defineLines(
    "gpu-power",
    "gpu-power",
    "positive",
    [defineSeries("system/gpu_power_w", markText("Watts"), 2)],
    { isOptional: true },
  ),
];

/** The same of runs without training steps, which report it by the second. */
export const HARDWARE_TIME_CHARTS = HARDWARE_CHARTS.map((chart): ChartDefinition => ({
  ...chart,
  ownAxis: "second",
}));
