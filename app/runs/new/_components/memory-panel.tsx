import { Check, TriangleAlert } from "lucide-react";
import { cn } from "@/app/_lib/cn";
import type { RunCheck } from "@/app/_lib/trpc";
import { formatBytes } from "@/core/memory/index-plan";

type Estimate = NonNullable<RunCheck["memory"]>[number];

const VERDICT: Record<Estimate["verdict"], string> = {
  fits: "fits",
  tight: "may not fit: the estimate can be a quarter off",
  "too small": "does not fit",
};
const DEVICE: Record<Estimate["device"], string> = { cpu: "RAM", cuda: "a GPU", mps: "the GPU" };

/** The estimated memory of a training run. It warns and never refuses. */
export function MemoryPanel({ estimates }: { estimates: readonly Estimate[] }) {
  return (
    <section className="mt-3 border-t pt-3 text-xs" aria-label="Memory">
      <h3 className="font-medium">Memory, estimated</h3>
      {estimates.map((estimate) => (
        <details key={estimate.worker ?? ""} className="mt-1.5">
          <summary className="flex cursor-pointer list-none gap-2">
            {estimate.verdict === "fits" ? (
              <Check className="mt-0.5 size-3.5 shrink-0 text-good" aria-hidden />
            ) : (
              <TriangleAlert className="mt-0.5 size-3.5 shrink-0 text-warn" aria-hidden />
            )}
            <span>
              <span className="font-mono">{formatBytes(estimate.totalBytes)}</span>{" "}
              <span className="text-muted-foreground">
                of {formatBytes(estimate.deviceBytes)} (
                {estimate.worker === null
                  ? "no worker could take it; one GPU is assumed"
                  : `${DEVICE[estimate.device]} of ${estimate.worker}`}
                ): {VERDICT[estimate.verdict]}
              </span>{" "}
              <span className="underline decoration-dotted underline-offset-2">parts</span>
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
            Italic: in turn within a step
            {estimate.device === "cpu"
              ? "; on a CPU freed memory stays with the process, so all count."
              : "; only the largest counts."}
          </p>
          {estimate.advice ? (
            <p className="mt-1 pl-5">To make it smaller: {estimate.advice}.</p>
          ) : null}
        </details>
      ))}
    </section>
  );
}
