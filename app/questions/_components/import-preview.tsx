"use client";
import { useQuery } from "@tanstack/react-query";
import { formatInteger, formatCount } from "@/app/_lib/format";
import { useTRPC, useTRPCClient } from "@/app/_lib/trpc";
import { Select } from "@/app/_ui/field";
import { Skeleton } from "@/app/_ui/states";

export interface QuestionSource {
  fileName: string;
  content: string;
  encoding: "utf8" | "base64";
}

/** What a person decides about a file before it is imported. */
export interface ImportChoice {
  /** Columns by field where the guess is wrong; null: the file does not have it. */
  mapping: Partial<Record<MappedField, string | null>>;
  parts: string[] | null;
  skipProblems: boolean;
  /** Corpus in which titles of gold passages are looked up; null: they are dropped. */
  goldCorpus: string | null;
}
export const IMPORT_EVERYTHING: ImportChoice = {
  mapping: {},
  parts: null,
  skipProblems: false,
  goldCorpus: null,
};

const MAPPED_FIELDS = [
  "id",
  "question",
  "answers",
  "goldIds",
  "goldTitles",
  "options",
  "type",
  "group",
  "split",
] as const;
type MappedField = (typeof MAPPED_FIELDS)[number];
const TITLES: Record<MappedField, string> = {
  id: "Id",
  question: "Question",
  answers: "Answers",
  goldIds: "Gold passages (ids)",
  goldTitles: "Gold passages (titles)",
  options: "Options",
  type: "Type",
  group: "Group",
  split: "Split",
};

/** How many questions name evidence that recall can be measured with. */
function formatGold(
  parts: readonly { questions: number; withGold: number; unresolvedGold: number }[],
): string {
  const sum = (key: "questions" | "withGold" | "unresolvedGold"): number =>
    parts.reduce((total, part) => total + part[key], 0);
  const unresolved = sum("unresolvedGold");
  return `Gold passages: ${formatInteger(sum("withGold"))} of ${formatCount(sum("questions"), "question")}.${unresolved > 0 ? ` Of ${formatCount(unresolved, "question")} a title stands over no passage of the corpus, or over several.` : ""}`;
}

/** What the file holds: its columns and what they mean, the first questions, and every row that cannot be used. */
export function ImportPreview({
  source,
  choice,
  onChange,
}: {
  source: QuestionSource;
  choice: ImportChoice;
  onChange: (choice: ImportChoice) => void;
}) {
  const client = useTRPCClient();
  const trpc = useTRPC();
  const corpora = useQuery(trpc.catalogue.corpora.queryOptions());
  // The content is in the request's body, so it is a mutation; it changes nothing and is asked again for each mapping.
  const preview = useQuery({
    queryKey: [
      "question-preview",
      source.fileName,
      source.content.length,
      source.content.slice(0, 1000),
      source.content.slice(-1000),
      choice.mapping,
      choice.goldCorpus,
    ],
    queryFn: () =>
      client.catalogue.previewQuestions.mutate({
        ...source,
        mapping: choice.mapping,
        goldCorpus: choice.goldCorpus,
      }),
    retry: false,
    staleTime: Infinity,
    gcTime: 0,
    placeholderData: (before) => before,
  });
  // Importing says the same; here it is not an alert yet.
  if (preview.isError)
    return (
      <p className="whitespace-pre-wrap text-xs text-bad">
        The file cannot be read: {preview.error.message}
      </p>
    );
  if (preview.isPending) return <Skeleton className="h-32" />;
  const { format, columns, mapping, rows, parts, sample, problems, problemCount, warnings } =
    preview.data;
  return (
    <div
      className="max-h-96 space-y-3 overflow-y-auto rounded-md border p-3 text-xs"
      data-preview={format}
    >
      <p className="text-muted-foreground">
        {format}, {formatCount(rows, "row")}
        {problemCount > 0 ? `, ${formatInteger(problemCount)} of them cannot be used` : ""}
      </p>
      <div className="grid gap-2 sm:grid-cols-2">
        {MAPPED_FIELDS.map((field) => (
          <label key={field} className="block">
            <span className="text-muted-foreground">{TITLES[field]}</span>
            <Select
              className="mt-0.5 w-full"
              value={mapping[field] ?? ""}
              onChange={(e) =>
                onChange({
                  ...choice,
                  parts: null,
                  mapping: { ...choice.mapping, [field]: e.target.value || null },
                })
              }
            >
              <option value="">none</option>
              {[...new Set([...columns, ...(mapping[field] ? [mapping[field]] : [])])].map(
                (column) => (
                  <option key={column}>{column}</option>
                ),
              )}
            </Select>
          </label>
        ))}
        {mapping.goldTitles ? (
          <label className="block">
            <span className="text-muted-foreground">Corpus of the gold titles</span>
            <Select
              className="mt-0.5 w-full"
              value={choice.goldCorpus ?? ""}
              onChange={(e) => onChange({ ...choice, goldCorpus: e.target.value || null })}
            >
              <option value="">none: the titles are dropped</option>
              {corpora.data?.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </Select>
          </label>
        ) : null}
      </div>
      <p data-gold>
        {formatGold(
          parts.filter(({ name }) => choice.parts === null || choice.parts.includes(name)),
        )}
      </p>
      {parts.length > 1 ? (
        <fieldset>
          <legend className="font-medium">Parts; each becomes a set of its own</legend>
          {parts.map(({ name, questions }) => (
            <label key={name} className="mt-1 flex items-center gap-2">
              <input
                type="checkbox"
                checked={choice.parts === null || choice.parts.includes(name)}
                onChange={(e) => {
                  const chosen = new Set(choice.parts ?? parts.map((part) => part.name));
                  if (e.target.checked) chosen.add(name);
                  else chosen.delete(name);
                  onChange({ ...choice, parts: chosen.size === parts.length ? null : [...chosen] });
                }}
              />
              {name} · {formatCount(questions, "question")}
            </label>
          ))}
        </fieldset>
      ) : null}
      {problems.length > 0 ? (
        <div>
          <ul className="max-h-32 overflow-y-auto text-bad" aria-label="Rows that cannot be used">
            {problems.map(({ where, message }) => (
              <li key={`${where} ${message}`}>
                {where} {message}
              </li>
            ))}
          </ul>
          <label className="mt-1 flex items-center gap-2">
            <input
              type="checkbox"
              checked={choice.skipProblems}
              onChange={(e) => onChange({ ...choice, skipProblems: e.target.checked })}
            />
            Leave them out
          </label>
        </div>
      ) : null}
      {warnings.map((warning) => (
        <p key={warning} className="text-warn">
          {warning}
        </p>
      ))}
      <ul aria-label="First questions" className="divide-y">
        {sample.map(({ part, question }) => (
          <li key={`${part} ${question.id}`} className="py-1.5">
            <p className="font-medium">{question.question}</p>
            <p className="text-muted-foreground">
              {question.answers.join(" · ")}
              {question.options
                ? ` (${question.options.answer} of ${question.options.choices.length} options)`
                : ""}
            </p>
          </li>
        ))}
      </ul>
    </div>
  );
}
