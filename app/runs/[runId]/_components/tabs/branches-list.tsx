"use client";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { formatWords } from "@/app/_lib/format/format";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";

/** How many are read. */
const LIMIT = 100;

/** Runs that began with a checkpoint of this one, newest first; nothing where there is none. */
export function BranchesList({ run }: { run: Pick<RunDetail, "branches"> }) {
  const t = useText();
  const { branches } = run;
  if (branches.length === 0) return null;
  return (
    <section className="mt-5" aria-label={t("Runs that began with a checkpoint of this one")}>
      <h2 className="mb-2 text-xs font-semibold text-muted-foreground">
        {t("Runs that began with a checkpoint of this one")}
      </h2>
      <ul className="rounded-lg border bg-card" data-branches>
        {branches.map(({ id, name, kind, step }) => (
          <li
            key={id}
            className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b px-4 py-2 last:border-0"
          >
            <Link href={`/runs/${id}`} className="min-w-0 break-words hover:underline">
              {name}
            </Link>
            <Badge tone="neutral">{formatWords(t, kind)}</Badge>
            <span className="ml-auto font-mono text-xs text-muted-foreground">
              {t("from step {step}", { step })}
            </span>
          </li>
        ))}
      </ul>
      {branches.length >= LIMIT ? (
        <p className="mt-1 text-xs text-muted-foreground">
          {t("The last {count}; older ones are in the list of runs.", { count: LIMIT })}
        </p>
      ) : null}
    </section>
  );
}
