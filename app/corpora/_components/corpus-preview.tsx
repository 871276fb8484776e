"use client";
import { useText } from "@/app/_i18n/text-provider";
import { useFollowingTask } from "@/app/_lib/live/use-task";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import type { CorpusSource } from "@/contracts/run-config/corpus-source";
import {
  corpusPreviewResultSchema,
  type CorpusPreviewResult,
} from "@/contracts/worker-protocol/tasks";
import { describePreview } from "./reading-texts";

/** What a worker finds at the beginning of a source, read as the settings say. Mounted again for each of them. */
export function CorpusPreview({ source, worker }: { source: CorpusSource; worker: string | null }) {
  const t = useText();
  const { task, failure, retry } = useFollowingTask({ kind: "corpus-preview", source, worker });
  const result =
    task?.state === "succeeded" ? corpusPreviewResultSchema.safeParse(task.result) : null;
  return (
    <section aria-label={t("Preview")} aria-live="polite" className="mt-3 text-xs">
      {failure ? (
        <ErrorState title={t("It cannot be read so")} error={failure} onRetry={retry} />
      ) : result?.success ? (
        <Found preview={result.data} />
      ) : result ? (
        <ErrorState
          title={t("The worker's answer could not be read")}
          error={{ message: t("Worker and page are of different versions: restart both.") }}
        />
      ) : (
        <>
          <Progress value={task?.fraction ?? null} label={t("Preview")} />
          <p className="mt-1 text-muted-foreground">
            {t.message(task?.detail ?? "") || t("Asking a worker")}
          </p>
        </>
      )}
    </section>
  );
}

function Found({ preview }: { preview: CorpusPreviewResult }) {
  const t = useText();
  const { documents, problems, warnings } = preview;
  return (
    <div className="max-h-80 space-y-2 overflow-y-auto rounded-md border p-3">
      {describePreview(t, preview).map((text) => (
        <p key={text} className="break-words text-muted-foreground">
          {text}
        </p>
      ))}
      {problems.length > 0 ? (
        <div className="text-bad">
          <p>
            {t(
              "{count, plural, one {# line} other {# lines}} cannot be used and will be left out:",
              { count: problems.length },
            )}
          </p>
          <ul className="max-h-32 overflow-y-auto" aria-label={t("Lines that cannot be used")}>
            {problems.map(({ line, reason }) => (
              <li key={`${line} ${reason}`} className="break-words">
                {t("line {line} {reason}", { line, reason })}
              </li>
            ))}
          </ul>
        </div>
      ) : null}
      {warnings.length > 0 ? (
        <ul className="max-h-32 overflow-y-auto text-warn" aria-label={t("Lines to look at")}>
          {warnings.map(({ line, reason }) => (
            <li key={`${line} ${reason}`} className="break-words">
              {t("line {line} {reason}", { line, reason })}
            </li>
          ))}
        </ul>
      ) : null}
      <ul aria-label={t("First passages")} className="divide-y">
        {documents.map(({ id, title, text }) => (
          <li key={id} className="py-1.5">
            <p className="flex flex-wrap items-baseline gap-x-2">
              <span className="font-medium break-words">{title || t("Untitled")}</span>
              <code className="font-mono text-2xs break-all text-muted-foreground">{id}</code>
            </p>
            <p className="line-clamp-3 break-words whitespace-pre-wrap">{text}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}
