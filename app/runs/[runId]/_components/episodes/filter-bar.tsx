"use client";
import { SlidersHorizontal } from "lucide-react";
import { useState } from "react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger, formatWords } from "@/app/_lib/format/format";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { SearchInput } from "@/app/_ui/search-input";
import type { EpisodeFilter } from "@/app/_episode/episode-filter";
import { EPISODE_MEASURES } from "@/contracts/api/episode-list-values";
import type { EpisodeFacets } from "@/app/_lib/live/trpc";
import { RangeFields } from "./range-fields";

const OUTCOMES: Record<EpisodeFilter["filter"], string> = {
  all: markText("Every outcome"),
  correct: markText("Right answers"),
  wrong: markText("Wrong answers"),
  "both-right": markText("Both right"),
  gained: markText("Gained over naive RAG"),
  lost: markText("Lost against naive RAG"),
  "both-wrong": markText("Both wrong"),
  "never-retrieved": markText("Lost: never retrieved"),
  "not-selected": markText("Lost: not selected"),
  "generator-failed": markText("Lost: generator failed"),
  "scorer-doubtful": markText("Wrong, but scorers disagree"),
  "format-errors": markText("With format errors"),
  "no-variance": markText("Groups without variance"),
};

const PLACES = {
  "": markText("Everywhere"),
  question: markText("In the question"),
  answer: markText("In the answer"),
  queries: markText("In queries"),
  documents: markText("In documents"),
} as const;

/** The rule of the text search, as it is shown. */
const TEXT_RULE = markText(
  "Every word that is typed begins a word of question, answer and queries together, or of one document that the episode saw. Chinese, Japanese and Korean characters are searched in pairs.",
);

interface Props {
  facets: EpisodeFacets | undefined;
  filter: EpisodeFilter;
  params: URLSearchParams;
  setParams: (changes: Record<string, string | null>) => void;
  text: string;
  setText: (text: string) => void;
}

/** Choices whose values people have written. */
const OWN_WORDS: ReadonlySet<string> = new Set(["type", "label"]);

type Counted = { value: string; episodes: number };

/** Filters a run's episodes; the address holds what is chosen. */
export function FilterBar({ facets, filter, params, setParams, text, setText }: Props) {
  const t = useText();
  const [showsRanges, setShowsRanges] = useState(false);
  const choices: { name: string; label: string; every: string; values: readonly Counted[] }[] = [
    { name: "phase", label: t("Phase"), every: t("Every phase"), values: facets?.phases ?? [] },
    {
      name: "type",
      label: t("Type of question"),
      every: t("Every type"),
      values: facets?.types ?? [],
    },
    {
      name: "error",
      label: t("Format error"),
      every: t("Any format"),
      values: facets?.formatErrors ?? [],
    },
    { name: "label", label: t("Label"), every: t("Any label"), values: facets?.labels ?? [] },
  ];
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <SearchInput
          label={t("Search question, answer, queries and documents")}
          placeholder={t("Question, answer, queries, documents ( / )")}
          title={t(TEXT_RULE)}
          className="min-w-60 flex-1 md:max-w-96"
          data-episode-search
          value={text}
          onText={setText}
        />
        {text ? (
          <Select
            aria-label={t("Where the text is searched")}
            className="w-auto"
            value={filter.textIn ?? ""}
            onChange={(e) => setParams({ in: e.target.value })}
            options={Object.entries(PLACES).map(([value, shown]) => ({ value, text: t(shown) }))}
          />
        ) : null}
        <Select
          aria-label={t("Filter")}
          className="w-auto"
          value={filter.filter}
          onChange={(e) => setParams({ filter: e.target.value === "all" ? null : e.target.value })}
          options={Object.entries(OUTCOMES).map(([value, shown]) => ({ value, text: t(shown) }))}
        />
        {choices.map(({ name, label, every, values }) =>
          values.length > (name === "phase" ? 1 : 0) || params.get(name) ? (
            <Select
              key={name}
              aria-label={label}
              className="w-auto max-w-52"
              value={params.get(name) ?? ""}
              onChange={(e) => setParams({ [name]: e.target.value })}
              options={[
                { value: "", text: every },
                ...values.map(({ value, episodes }) => ({
                  value,
                  text: `${OWN_WORDS.has(name) ? value : formatWords(t, value)} (${formatInteger(episodes)})`,
                })),
              ]}
            />
          ) : null,
        )}
        <Button aria-expanded={showsRanges} onClick={() => setShowsRanges(!showsRanges)}>
          <SlidersHorizontal /> {t("Ranges")}
        </Button>
      </div>
      {showsRanges ? (
        <RangeFields
          measures={facets?.measures ?? EPISODE_MEASURES}
          params={params}
          setParams={setParams}
        />
      ) : null}
      {text ? <p className="mt-2 text-xs text-muted-foreground">{t(TEXT_RULE)}</p> : null}
    </>
  );
}
