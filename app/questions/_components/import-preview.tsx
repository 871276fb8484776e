"use client";
import { useQuery } from "@tanstack/react-query";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";
import { formatFound } from "@/app/corpora/_components/reading-texts";
import { useTRPC, useTRPCClient } from "@/app/_lib/live/trpc";
import { Skeleton } from "@/app/_ui/states";
import type { ImportChoice, QuestionSource } from "./import-choice";
import { ColumnMapping, PartChoice, ReadingChoice } from "./import-choices";

type Counts = Record<"questions" | "withGold" | "unresolvedGold" | "yesNo", number>;

/** How many questions name gold passages, and how many are answered by yes or no. */
function formatCounts(t: Text, parts: readonly Counts[]): string {
  const sum = (key: keyof Counts): number => parts.reduce((total, part) => total + part[key], 0);
  const unresolved = sum("unresolvedGold");
  return [
    t("Gold passages: {gold} of {count, plural, one {# question} other {# questions}}.", {
      gold: formatInteger(sum("withGold")),
      count: sum("questions"),
    }),
    ...(unresolved > 0
      ? [
          t(
            "Of {count, plural, one {# question} other {# questions}} a title stands over no passage of the corpus, or over several.",
            { count: unresolved },
          ),
        ]
      : []),
    t("Answered by yes or no: {yesNo}.", { yesNo: formatInteger(sum("yesNo")) }),
  ].join(" ");
}

/** The server's reading of a file, by the choices so far. */
function useQuestionPreview(source: QuestionSource, choice: ImportChoice) {
  const client = useTRPCClient();
  // The content is in the request's body, so it is a mutation. It changes nothing, and is sent again for each mapping.
  return useQuery({
    queryKey: [
      "question-preview",
      source.fileName,
      source.content.length,
      source.content.slice(0, 1000),
      source.content.slice(-1000),
      choice.format,
      choice.reading,
      choice.mapping,
      choice.goldCorpus,
    ],
    queryFn: () =>
      client.catalogue.previewQuestions.mutate({
        ...source,
        format: choice.format,
        reading: choice.reading,
        mapping: choice.mapping,
        goldCorpus: choice.goldCorpus,
      }),
    retry: false,
    staleTime: Infinity,
    gcTime: 0,
    placeholderData: (before) => before,
  });
}

type Preview = NonNullable<ReturnType<typeof useQuestionPreview>["data"]>;

interface ProblemsProps {
  problems: Preview["problems"];
  choice: ImportChoice;
  onChange: (choice: ImportChoice) => void;
}

/** Rows that cannot be used, and whether they are left out. */
function Problems({ problems, choice, onChange }: ProblemsProps) {
  const t = useText();
  return (
    <div>
      <ul className="max-h-32 overflow-y-auto text-bad" aria-label={t("Rows that cannot be used")}>
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
        {t("Leave them out")}
      </label>
    </div>
  );
}

function FirstQuestions({ sample }: { sample: Preview["sample"] }) {
  const t = useText();
  return (
    <ul aria-label={t("First questions")} className="divide-y">
      {sample.map(({ part, question }) => (
        <li key={`${part} ${question.id}`} className="py-1.5">
          <p className="font-medium">{question.question}</p>
          <p className="text-muted-foreground">
            {question.options
              ? t("{answers} ({letter} of {count} options)", {
                  answers: question.answers.join(" · "),
                  letter: question.options.answer,
                  count: question.options.choices.length,
                })
              : question.answers.join(" · ")}
          </p>
        </li>
      ))}
    </ul>
  );
}

/**
 * What the file holds: every row that cannot be used, the first questions, its columns and what they mean, and how it is
 * read.
 */
export function ImportPreview({
  source,
  choice,
  onChange,
}: {
  source: QuestionSource;
  choice: ImportChoice;
  onChange: (choice: ImportChoice) => void;
}) {
  const t = useText();
  const trpc = useTRPC();
  const corpora = useQuery(trpc.catalogue.corpora.queryOptions());
  const preview = useQuestionPreview(source, choice);
  // Not an alert here: importing says the same again.
  if (preview.isError)
    return (
      <div className="space-y-3 rounded-md border p-3 text-xs">
        <p className="whitespace-pre-wrap text-bad">
          {t("The file cannot be read: {message}", { message: t.message(preview.error.message) })}
        </p>
        <ReadingChoice choice={choice} onChange={onChange} />
      </div>
    );
  if (preview.isPending) return <Skeleton className="h-32" />;
  const { format, columns, unread, undecided, mapping, rows, parts, sample } = preview.data;
  const { problems, problemCount, warnings } = preview.data;
  return (
    <div
      className="max-h-96 space-y-3 overflow-y-auto rounded-md border p-3 text-xs"
      data-preview={format}
    >
      <p className="text-muted-foreground">
        {problemCount > 0
          ? t("{found}, {rows, plural, one {# row} other {# rows}}, {bad} of them cannot be used", {
              found: formatFound(t, preview.data),
              rows,
              bad: formatInteger(problemCount),
            })
          : t("{found}, {rows, plural, one {# row} other {# rows}}", {
              found: formatFound(t, preview.data),
              rows,
            })}
      </p>
      {undecided.map((text) => (
        <p key={text} className="text-bad">
          {text}
        </p>
      ))}
      {problems.length > 0 ? (
        <Problems problems={problems} choice={choice} onChange={onChange} />
      ) : null}
      {warnings.map((warning) => (
        <p key={warning} className="text-warn">
          {warning}
        </p>
      ))}
      <FirstQuestions sample={sample} />
      <p data-gold>
        {formatCounts(
          t,
          parts.filter(({ name }) => choice.parts === null || choice.parts.includes(name)),
        )}
      </p>
      <PartChoice parts={parts} choice={choice} onChange={onChange} />
      <ColumnMapping
        columns={columns}
        mapping={mapping}
        corpora={corpora.data?.map(({ name }) => name) ?? []}
        choice={choice}
        onChange={onChange}
      />
      {unread.length > 0 ? (
        <p className="break-words text-muted-foreground">
          {t("Not read: {columns}", { columns: unread.join(", ") })}
        </p>
      ) : null}
      <ReadingChoice choice={choice} onChange={onChange} />
    </div>
  );
}
