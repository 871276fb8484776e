"use client";
import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatSeconds } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import type { RunConfig } from "@/contracts/run-config/run-config";

/** What the work of a run is counted in. */
const UNITS: Readonly<Record<string, string>> = {
  episodes: markText("episodes"),
  questions: markText("questions"),
  corpora: markText("corpora"),
};
const ABOUT = markText(
  "About <mono>{time}</mono>{runs, plural, one {} other { ({low} to {high})}}, from {runs, plural, one {# run} other {# runs}} like it{placed, plural, =0 {} other { on {workers}}}, by {unit}.",
);

/** How long the run will take, by runs like it that ended here; what is not known is said. */
export function ProjectedTime({ config }: { config: RunConfig | null }) {
  const t = useText();
  const trpc = useTRPC();
  const { data, isPending } = useQuery(
    trpc.runs.projectTime.queryOptions(config && config.kind !== "serve" ? { config } : skipToken, {
      placeholderData: keepPreviousData,
    }),
  );
  if (config === null || isPending) return <span>{t("Time: –")}</span>;
  if (!data)
    return (
      <span>
        {config.kind === "serve"
          ? t("Serves until it is cancelled.")
          : config.kind === "train"
            ? t("Time not known: no run like it has ended here; a dry run measures it.")
            : t("Time not known: no run like it has ended here.")}
      </span>
    );
  return (
    <span>
      {t.rich(ABOUT, {
        time: formatSeconds(data.seconds),
        low: formatSeconds(data.low),
        high: formatSeconds(data.high),
        runs: data.runs,
        placed: data.workers.length,
        workers: data.workers.join(", "),
        unit: t(UNITS[data.unit] ?? data.unit),
        mono: (text) => <span className="font-mono text-foreground">{text}</span>,
      })}
    </span>
  );
}
