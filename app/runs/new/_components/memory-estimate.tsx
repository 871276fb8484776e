import { Check, TriangleAlert } from "lucide-react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import type { MemoryPlan } from "@/app/_lib/live/trpc";
import { formatBytes } from "@/core/memory/index-plan";

const VERDICT: Record<MemoryPlan["verdict"], string> = {
  fits: markText("fits"),
  tight: markText("may not fit: the estimate can be a quarter off"),
  "too small": markText("does not fit"),
};
type MemoryEstimateProps = { estimate: MemoryPlan; place: string };

/** One estimate: its sum and verdict, and on request its parts and what makes it fit. */
export function MemoryEstimate({ estimate, place }: MemoryEstimateProps) {
  const t = useText();
  return (
    <details className="mt-1.5" open={estimate.verdict === "too small"}>
      <summary className="flex cursor-pointer list-none gap-2">
        {estimate.verdict === "fits" ? (
          <Check className="mt-0.5 size-3.5 shrink-0 text-good" aria-hidden />
        ) : (
          <TriangleAlert className="mt-0.5 size-3.5 shrink-0 text-warn" aria-hidden />
        )}
        <span>
          {t.rich("<mono>{needed}</mono> <muted>of {bytes} ({place}): {verdict}</muted>", {
            needed: formatBytes(estimate.totalBytes),
            bytes: formatBytes(estimate.deviceBytes),
            place,
            verdict: t(VERDICT[estimate.verdict]),
            mono: (text) => <span className="font-mono">{text}</span>,
            muted: (text) => <span className="text-muted-foreground">{text}</span>,
          })}{" "}
          <span className="underline decoration-dotted underline-offset-2">{t("parts")}</span>
        </span>
      </summary>
      {estimate.advice ? (
        <p className="mt-1 pl-5 break-words">
          {t("To make it smaller: {advice}.", { advice: t.message(estimate.advice) })}
        </p>
      ) : null}
      <dl className="mt-1.5 grid grid-cols-[1fr_auto] gap-x-3 gap-y-1 pl-5">
        {estimate.parts.map((part) => (
          <div key={part.name} className="contents">
            <dt>
              <span className={cn(part.phase && "italic")}>{t.message(part.name)}</span>{" "}
              <span className="text-muted-foreground">{t.message(part.detail)}</span>
            </dt>
            <dd className="text-right font-mono">{formatBytes(part.bytes)}</dd>
          </div>
        ))}
      </dl>
      <p className="mt-1 pl-5 text-muted-foreground">
        {estimate.device === "cpu"
          ? t(
              "Italic: in turn within a step; on a CPU freed memory stays with the process, so all count.",
            )
          : t("Italic: in turn within a step; only the largest counts.")}
      </p>
    </details>
  );
}
