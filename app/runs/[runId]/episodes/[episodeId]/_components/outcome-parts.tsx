import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatNumber, formatSigned, NONE } from "@/app/_lib/format/format";
import type { EpisodeDetail } from "@/app/_lib/live/trpc";
import { listRewardParts } from "@/app/_episode/ledger";
import { Badge } from "@/app/_ui/badge";
import type { DocumentRef } from "@/contracts/records/episode";

/** A part of the outcome under its title. */
export function OutcomePart({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="px-4 py-3">
      <h2 className="mb-1.5 text-xs font-semibold text-muted-foreground">{title}</h2>
      {children}
    </section>
  );
}

interface RewardPartProps {
  reward: NonNullable<EpisodeDetail["record"]["reward"]>;
  advantage: number | null;
}

/** The reward as a sum of its terms, and the advantage that the group makes of it. */
export function RewardPart({ reward, advantage }: RewardPartProps) {
  const t = useText();
  return (
    <OutcomePart title={t("Reward")}>
      <div
        className="grid grid-cols-[auto_1fr_auto] gap-x-3 gap-y-0.5 font-mono text-xs"
        data-testid="reward"
      >
        {listRewardParts(reward.terms).map((term) => (
          <div key={term.label} className="contents">
            <span className="whitespace-pre">
              {(term.sign || " ").padEnd(2)}
              {formatNumber(term.weight)} × {formatNumber(term.value)}
            </span>
            <span className="truncate font-sans text-muted-foreground">{term.label}</span>
            <span className="text-right">
              {formatSigned((term.sign === "−" ? -1 : 1) * term.weight * term.value)}
            </span>
          </div>
        ))}
        <span className="border-t pt-1 whitespace-pre">= {formatSigned(reward.value)}</span>
        <span className="border-t pt-1 font-sans text-muted-foreground">{reward.name}</span>
        <span className="border-t pt-1 text-right font-medium">{formatSigned(reward.value)}</span>
      </div>
      <p className="mt-1.5 text-xs text-muted-foreground">
        {t.rich(
          advantage === 0
            ? "Advantage <value>{advantage}</value>: the group had no variance, so it gives no gradient"
            : "Advantage <value>{advantage}</value>",
          {
            value: (value) => <span className="font-mono text-foreground">{value}</span>,
            advantage: advantage === null ? NONE : formatSigned(advantage),
          },
        )}
      </p>
    </OutcomePart>
  );
}

interface ContextListProps {
  context: readonly DocumentRef[];
  documents: EpisodeDetail["documents"];
  goldIds: readonly string[];
}

/** The documents of a context; each opens to its text. */
export function ContextList({ context, documents, goldIds }: ContextListProps) {
  const t = useText();
  if (context.length === 0) return <p className="text-xs text-muted-foreground">{t("None.")}</p>;
  return (
    <ol className="space-y-1">
      {context.map((d, i) => {
        const text = documents[d.hash];
        return (
          <li key={`${d.id} ${i}`}>
            <details className="group">
              <summary className="flex cursor-pointer list-none items-baseline gap-2 rounded hover:bg-muted">
                <span className="font-mono text-2xs text-muted-foreground">{i + 1}</span>
                <span className="min-w-0 flex-1 truncate">{text?.title ?? d.id}</span>
                {goldIds.includes(d.id) ? <Badge tone="good">{t("gold")}</Badge> : null}
              </summary>
              <p className="mt-0.5 mb-1 pl-5 text-xs break-words whitespace-pre-wrap text-muted-foreground">
                {text?.text ?? t("The text is not stored.")}
              </p>
            </details>
          </li>
        );
      })}
    </ol>
  );
}
