"use client";
import { useText } from "@/app/_i18n/text-provider";
import { findMetric } from "@/core/metrics/metrics";
import { HelpPopover } from "./help-popover";

interface MetricHelpProps {
  /** Its name, e.g. "held-out/accuracy". */
  metric: string;
  /** What the button asks for where it is not the metric's name. */
  name?: string;
  className?: string;
}

/** What a metric that runs report means, and which direction is better. Nothing for one that is not ours. */
export function MetricHelp({ metric, name, className }: MetricHelpProps) {
  const t = useText();
  const found = findMetric(metric);
  if (found === null) return null;
  const { description, better } = found;
  return (
    <HelpPopover
      name={name ?? metric}
      title={<span className="font-mono">{metric}</span>}
      className={className}
    >
      <p className="mt-1">{t(description)}</p>
      {better === null ? null : (
        <p className="mt-1 text-muted-foreground">
          {better === "higher" ? t("More is better.") : t("Less is better.")}
        </p>
      )}
    </HelpPopover>
  );
}
