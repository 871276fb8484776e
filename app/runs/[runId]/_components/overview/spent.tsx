"use client";
import type { Tracks } from "@/app/_charts/prepare/x-axis";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatEnergy, formatNumber, formatSeconds } from "@/app/_lib/format/format";
import type { Series } from "@/app/_lib/live/use-series";
import { Help } from "@/app/_ui/help";
import {
  computeSpent,
  type SpentResources,
} from "@/app/runs/[runId]/_components/metrics/compute-spent";

/**
 * What the steps so far took: episodes, tokens that were trained on, time, and where they are known cost and energy.
 * Nothing before the first step.
 */
export function Spent({ tracks, series }: { tracks: Tracks; series: Series }) {
  const t = useText();
  const [episodes, tokens, seconds] = [tracks.episodes, tracks.tokens, tracks.time].map((track) =>
    track?.xs.at(-1),
  );
  if (episodes === undefined || tokens === undefined || seconds === undefined) return null;
  const { cost, energy } = computeSpent(series);
  return (
    <p className="mt-1.5 px-1 text-2xs text-muted-foreground" data-testid="spent">
      {t(
        "So far {episodes, plural, one {# episode} other {# episodes}}, {tokens, plural, one {# action token} other {# action tokens}} and {time} since the first point",
        { episodes, tokens, time: formatSeconds(seconds) },
      )}
      {cost === null ? null : <span data-spent="cost">; {describeCost(t, cost)}</span>}
      {energy === null ? null : (
        <span data-spent="energy">
          ; {describeEnergy(t, energy)}
          <span className="-my-1 inline-block align-middle print:hidden">
            <Help term="energy-estimate" />
          </span>
        </span>
      )}
    </p>
  );
}

/** "US$0.25 at endpoints". */
export function describeCost(t: Text, cost: NonNullable<SpentResources["cost"]>): string {
  if (cost === "unknown") return t("cost of endpoints not known, as no price is set");
  const amount = `US$${formatNumber(cost.amount)}`;
  return cost.isPartial
    ? t("at least {amount} at endpoints", { amount })
    : t("{amount} at endpoints", { amount });
}

function describeEnergy(t: Text, energy: NonNullable<SpentResources["energy"]>): string {
  if (energy === "unknown") return t("energy not measured, as no GPU says its power");
  const amount = formatEnergy(energy.amount);
  return energy.isPartial
    ? t("at least {amount} by the worker's GPUs", { amount })
    : t("about {amount} by the worker's GPUs", { amount });
}
