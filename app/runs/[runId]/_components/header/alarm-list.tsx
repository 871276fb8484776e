"use client";
import { useEffect, useRef } from "react";
import { TRAIN_CHARTS } from "@/app/_charts/definitions/train-charts";
import { getChartAnchor, findChart } from "@/app/_charts/prepare/marks";
import { useText } from "@/app/_i18n/text-provider";
import { formatDateTime, formatNumber } from "@/app/_lib/format/format";
import type { AlarmRow, RunDetail } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";
import { QueryErrorState } from "@/app/_ui/states";
import type { AlarmEvidence, Measured } from "@/contracts/records/alarms";
import { ALARMS } from "@/core/metrics/alarms";
import { ALARMS_ANCHOR, RewindButton } from "./alarms";
import { useAlarms } from "./use-alarms";

/** Every alarm of the run, with its evidence and its remedy. */
export function AlarmList({ run }: { run: RunDetail }) {
  const t = useText();
  const query = useAlarms(run.id);
  const list = useRef<HTMLElement>(null);
  // It is loaded after the page: the browser did not find it when it followed the link.
  useEffect(() => {
    if (window.location.hash === `#${ALARMS_ANCHOR}`) list.current?.scrollIntoView();
  }, []);
  if (query.isError && !query.data)
    return (
      <QueryErrorState className="mt-5" title={t("The alarms could not be read")} query={query} />
    );
  return (
    <section ref={list} id={ALARMS_ANCHOR} aria-label={t("Alarms")} className="mt-5 scroll-mt-4">
      <h2 className="mb-2 text-xs font-semibold text-muted-foreground">{t("Alarms")}</h2>
      {query.alarms.length === 0 ? (
        <p className="text-xs text-muted-foreground">
          {query.isPending ? t("Loading") : t("None was raised.")}
        </p>
      ) : (
        <ul className="grid gap-3 xl:grid-cols-2">
          {query.alarms.map((alarm) => (
            <Alarm key={`${alarm.name} ${alarm.raised.step}`} run={run} alarm={alarm} />
          ))}
        </ul>
      )}
    </section>
  );
}

type AlarmProps = { run: RunDetail; alarm: AlarmRow };

function Alarm({ run, alarm: { name, since, raised, cleared, evidence } }: AlarmProps) {
  const t = useText();
  const { title, meaning, remedy } = ALARMS[name];
  return (
    <li
      className="min-w-0 rounded-lg border bg-card px-4 py-3"
      data-alarm={name}
      data-alarm-state={cleared ? "cleared" : "raised"}
    >
      <div className="flex flex-wrap items-baseline justify-between gap-x-3">
        <h3 className="font-medium">{t(title)}</h3>
        <Badge tone={cleared ? "neutral" : "warn"}>
          {cleared ? t("cleared after step {step}", { step: cleared.step }) : t("stands")}
        </Badge>
      </div>
      <p className="text-xs text-muted-foreground">
        {t.rich("Since step {since}, noticed after step {step} at <time>{at}</time>", {
          since,
          step: raised.step,
          at: formatDateTime(t, raised.at),
          time: (at) => <time dateTime={raised.at.toISOString()}>{at}</time>,
        })}
      </p>
      <p className="mt-2">{t(meaning)}</p>
      <div className="mt-2 overflow-x-auto">
        <table className="w-full text-left text-xs">
          <thead className="text-2xs text-muted-foreground">
            <tr>
              <th scope="col" className="pr-3 font-normal">
                {t("What was seen")}
              </th>
              <th scope="col" className="pr-3 font-normal">
                {t("Before")}
              </th>
              <th scope="col" className="pr-3 font-normal">
                {t("Then")}
              </th>
              <th scope="col" className="font-normal">
                {t("Limit")}
              </th>
            </tr>
          </thead>
          <tbody>
            {evidence.map((seen) => (
              <tr key={seen.metric} className="align-baseline">
                <td className="py-0.5 pr-3 font-mono">
                  <MetricLink metric={seen.metric} />
                </td>
                <td className="py-0.5 pr-3">
                  {seen.before ? <MeasuredValue of={seen.before} /> : "–"}
                </td>
                <td className="py-0.5 pr-3 font-medium">
                  <MeasuredValue of={seen.now} />
                </td>
                <td className="py-0.5 font-mono whitespace-nowrap">{formatLimit(seen)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="mt-2 text-xs">
        <span className="font-medium">{t("What mends it:")}</span> {t(remedy)}
      </p>
      {cleared === null ? (
        <div className="mt-2">
          <RewindButton run={run} />
        </div>
      ) : null}
    </li>
  );
}

/** Leads to the chart that draws the metric, where one does. */
function MetricLink({ metric }: { metric: string }) {
  const chart = findChart(TRAIN_CHARTS, metric);
  return chart === null ? (
    <>{metric}</>
  ) : (
    <a
      href={`#${getChartAnchor(chart)}`}
      className="underline decoration-dotted underline-offset-2 hover:text-primary"
    >
      {metric}
    </a>
  );
}

function MeasuredValue({ of: { value, fromStep, toStep } }: { of: Measured }) {
  const t = useText();
  return (
    <>
      <span className="font-mono">{formatNumber(value)}</span>{" "}
      <span className="text-2xs font-normal whitespace-nowrap text-muted-foreground">
        {fromStep === toStep
          ? t("step {step}", { step: toStep })
          : t("steps {fromStep}–{toStep}", { fromStep, toStep })}
      </span>
    </>
  );
}

const formatLimit = ({ limit }: AlarmEvidence): string =>
  limit === null ? "–" : `${limit.side === "at-least" ? "≥" : "≤"} ${formatNumber(limit.value)}`;
