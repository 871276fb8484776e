import { Check, TriangleAlert } from "lucide-react";
import { markText, type Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_lib/cn";
import type { RunCheck } from "@/app/_lib/trpc";
import { formatBytes } from "@/core/memory/index-plan";

type Estimate = NonNullable<RunCheck["memory"]>[number];

const VERDICT: Record<Estimate["verdict"], string> = {
  fits: markText("fits"),
  tight: markText("may not fit: the estimate can be a quarter off"),
  "too small": markText("does not fit"),
};
const DEVICE: Record<Estimate["device"], string> = {
  cpu: markText("RAM of {worker}"),
  cuda: markText("a GPU of {worker}"),
  mps: markText("the GPU of {worker}"),
};

/** Where the memory is that an estimate is compared with. */
const describePlace = (t: Text, { worker, device }: Estimate): string =>
  worker === null
    ? t("no worker could take it; one GPU is assumed")
    : t(DEVICE[device], { worker });

/** The estimated memory of a training run. It warns and never refuses. */
export function MemoryPanel({ estimates }: { estimates: readonly Estimate[] }) {
  const t = useText();
  return (
    <section className="mt-3 border-t pt-3 text-xs" aria-label={t("Memory")}>
      <h3 className="font-medium">{t("Memory, estimated")}</h3>
      {estimates.map((estimate) => (
        <details key={estimate.worker ?? ""} className="mt-1.5">
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
                place: describePlace(t, estimate),
                verdict: t(VERDICT[estimate.verdict]),
                mono: (text) => <span className="font-mono">{text}</span>,
                muted: (text) => <span className="text-muted-foreground">{text}</span>,
              })}{" "}
              <span className="underline decoration-dotted underline-offset-2">{t("parts")}</span>
            </span>
          </summary>
          <dl className="mt-1.5 grid grid-cols-[1fr_auto] gap-x-3 gap-y-1 pl-5">
            {estimate.parts.map((part) => (
              <div key={part.name} className="contents">
                <dt>
                  <span className={cn(part.phase && "italic")}>{part.name}</span>{" "}
                  <span className="text-muted-foreground">{part.detail}</span>
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
          {estimate.advice ? (
            <p className="mt-1 pl-5">
              {t("To make it smaller: {advice}.", { advice: estimate.advice })}
            </p>
          ) : null}
        </details>
      ))}
    </section>
  );
}
