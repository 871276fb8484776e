"use client";
import { X } from "lucide-react";
import { useState } from "react";
import { formatRange, parseRange } from "@/app/_episode/episode-filter";
import { useText } from "@/app/_i18n/text-provider";
import { formatWords } from "@/app/_lib/format/format";
import { Button } from "@/app/_ui/button";
import { Input } from "@/app/_ui/field";
import type { EpisodeMeasure } from "@/contracts/api/episodes";
import { EPISODE_MEASURES } from "@/contracts/api/episode-list-values";

interface Props {
  params: URLSearchParams;
  setParams: (changes: Record<string, string | null>) => void;
}

/** A range of each measure, as text: "2..5", "3..", "4". */
export function RangeFields({
  measures,
  params,
  setParams,
}: Props & { measures: readonly EpisodeMeasure[] }) {
  return (
    <div className="mt-2 grid grid-cols-2 gap-2 rounded-lg border bg-card p-3 sm:grid-cols-4 xl:grid-cols-7">
      {measures.map((measure) => (
        <RangeField
          key={`${measure} ${params.get(measure) ?? ""}`}
          measure={measure}
          value={params.get(measure) ?? ""}
          onValue={(value) => setParams({ [measure]: value })}
        />
      ))}
    </div>
  );
}

function RangeField({
  measure,
  value,
  onValue,
}: {
  measure: EpisodeMeasure;
  value: string;
  onValue: (value: string | null) => void;
}) {
  const t = useText();
  const [text, setText] = useState(value);
  const range = parseRange(text);
  const isWrong = text.trim() !== "" && range === null;
  const apply = () => {
    const next = range ? formatRange(range) : null;
    if (!isWrong && next !== (value || null)) onValue(next);
  };
  return (
    <label className="block text-xs font-medium capitalize">
      {formatWords(t, measure)}
      <Input
        className="mt-1 font-mono"
        placeholder="2..5"
        title={t("One value (4), a range with both ends (2..5), from (3..) or up to (..7)")}
        aria-invalid={isWrong || undefined}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={apply}
        onKeyDown={(event) => event.key === "Enter" && apply()}
      />
    </label>
  );
}

/** The ranges that stand, each with a button that removes it. */
export function RangeChips({ params, setParams }: Props) {
  const t = useText();
  const chips = [
    ...EPISODE_MEASURES.map((name) => ({ name, label: formatWords(t, name) })),
    { name: "question", label: t("question") },
  ].filter(({ name }) => params.get(name));
  return chips.map(({ name, label }) => (
    <Button
      key={name}
      size="sm"
      className="h-6 max-w-60"
      aria-label={t("Remove the filter of {label}", { label })}
      onClick={() => setParams({ [name]: null })}
    >
      <span className="truncate">
        {label} <span className="font-mono">{params.get(name)}</span>
      </span>
      <X />
    </Button>
  ));
}
