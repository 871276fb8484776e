"use client";
import { Check, Circle, CircleX, LoaderCircle } from "lucide-react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatSeconds, formatWords } from "@/app/_lib/format/format";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { Card } from "@/app/_ui/card";
import { Help } from "@/app/_ui/help";
import type { PreflightItem } from "@/contracts/worker-protocol/reports";

const ICON: Record<PreflightItem["state"], { icon: typeof Check; className: string }> = {
  waiting: { icon: Circle, className: "text-muted-foreground" },
  running: { icon: LoaderCircle, className: "text-primary motion-safe:animate-spin" },
  ready: { icon: Check, className: "text-good" },
  failed: { icon: CircleX, className: "text-bad" },
};

const CHECKS: Record<PreflightItem["name"], string> = {
  retriever: markText("retriever"),
  generator: markText("generator"),
  engine: markText("engine"),
  sampler: markText("sampler"),
  questions: markText("questions"),
  checkpoint: markText("checkpoint"),
  searcher: markText("searcher"),
  judge: markText("judge"),
  model: markText("model"),
  vllm: markText("vllm"),
};

/** Which check of the preflight failed, above the tabs. While it is under way, the overview shows it. */
export function FailedPreflight({ run }: { run: RunDetail }) {
  const t = useText();
  if (!run.preflight.some((item) => item.state === "failed")) return null;
  return (
    <Card className="mt-3 px-4 py-3" aria-label={t("Preflight")}>
      <h2 className="mb-2 flex items-center gap-1 font-medium">
        {t("Preflight")} <Help term="preflight" />
      </h2>
      <PreflightList items={run.preflight} />
    </Card>
  );
}

/** Each check of the preflight with its state and time. */
export function PreflightList({ items }: { items: readonly PreflightItem[] }) {
  const t = useText();
  return (
    <ul className="space-y-1.5" aria-live="polite">
      {items.map((item) => {
        const { icon: Icon, className } = ICON[item.state];
        return (
          <li
            key={item.name}
            className="grid grid-cols-[1rem_6.5rem_1fr_auto] items-start gap-x-2.5 text-xs"
            data-preflight={item.name}
            data-preflight-state={item.state}
          >
            <Icon
              className={`mt-0.5 size-3.5 ${className}`}
              aria-label={formatWords(t, item.state)}
            />
            <span className="font-medium capitalize">{t(CHECKS[item.name])}</span>
            <span className="min-w-0 text-muted-foreground">
              {t.message(item.detail)}
              {item.error ? (
                <span className="block break-words whitespace-pre-wrap text-bad">
                  {t.message(item.error)}
                </span>
              ) : null}
            </span>
            <span className="font-mono text-muted-foreground">
              {item.seconds === null ? "" : formatSeconds(item.seconds)}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
