"use client";
import { ArrowDown, TriangleAlert } from "lucide-react";
import dynamic from "next/dynamic";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { ALARMS } from "@/core/metrics/alarms";
import { useAlarms } from "./use-alarms";

/** Only a run with an alarm needs it. */
export const RewindButton = dynamic(() => import("./rewind-button").then((m) => m.RewindButton));

/** The list's id in the page, for links to it. */
export const ALARMS_ANCHOR = "alarms";
/** Alarms that are raised now, above the tabs of the run. */
export function AlarmBanner({ run }: { run: RunDetail }) {
  const t = useText();
  const standing = useAlarms(run.id).alarms.filter(({ cleared }) => cleared === null);
  return (
    <div role="status">
      {standing.length === 0 ? null : (
        <div
          className="mt-3 flex flex-wrap items-baseline gap-x-4 gap-y-1 rounded-lg border border-warn/30 bg-warn-soft px-4 py-2.5"
          data-alarm-banner
        >
          {standing.map(({ name, since }) => (
            <p key={name} className="flex items-baseline gap-2">
              <TriangleAlert className="size-4 shrink-0 self-center text-warn" aria-hidden />
              <span>
                <span className="font-medium text-warn">{t(ALARMS[name].title)}</span>{" "}
                <span className="text-xs whitespace-nowrap">
                  {t("since step {since}", { since })}
                </span>
              </span>
            </p>
          ))}
          <RewindButton run={run} />
          <Link
            href={`/runs/${run.id}#${ALARMS_ANCHOR}`}
            className="ml-auto inline-flex items-center gap-1 text-xs underline decoration-dotted underline-offset-2"
          >
            {t("What was seen, and what mends it")} <ArrowDown className="size-3" aria-hidden />
          </Link>
        </div>
      )}
    </div>
  );
}
