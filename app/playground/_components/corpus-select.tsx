"use client";
import { useQuery } from "@tanstack/react-query";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Select } from "@/app/_ui/field";

type CorpusSelectProps = { corpus: string; onChange: (corpus: string) => void };

/** Every corpus that an online worker or the server knows. */
export function CorpusSelect({ corpus, onChange }: CorpusSelectProps) {
  const t = useText();
  const trpc = useTRPC();
  const corpora = useQuery(trpc.catalogue.corpora.queryOptions());
  const workers = useQuery(trpc.workers.list.queryOptions());
  const names = [
    ...new Set([
      corpus,
      ...(corpora.data?.map((c) => c.name) ?? []),
      ...(workers.data?.flatMap((w) => w.capabilities.corpora) ?? []),
    ]),
  ].sort();
  return (
    <label className="flex items-center gap-1.5 text-xs text-muted-foreground">
      {t("Corpus")}
      <Select
        aria-label={t("Corpus")}
        className="w-auto max-w-48"
        value={corpus}
        onChange={(e) => onChange(e.target.value)}
        options={names}
      />
    </label>
  );
}
