"use client";
import { formatCount } from "@/app/_lib/format";
import { useFollowingTask } from "@/app/_lib/use-task";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import type { CorpusSource } from "@/contracts/run-config/corpus-source";
import {
  corpusPreviewResultSchema,
  type CorpusPreviewResult,
} from "@/contracts/worker-protocol/tasks";
import { describePreview } from "@/core/corpora/describe-reading";

/** What a worker finds at the beginning of a source, read as the settings say. Mounted again for each of them. */
export function CorpusPreview({ source, worker }: { source: CorpusSource; worker: string | null }) {
  const { task, failure, retry } = useFollowingTask({ kind: "corpus-preview", source, worker });
  const result =
    task?.state === "succeeded" ? corpusPreviewResultSchema.safeParse(task.result) : null;
  return (
    <section aria-label="Preview" aria-live="polite" className="mt-3 text-xs">
      {failure ? (
        <ErrorState title="It cannot be read so" error={failure} onRetry={retry} />
      ) : result?.success ? (
        <Found preview={result.data} />
      ) : result ? (
        <ErrorState
          title="The worker's answer could not be read"
          error={{ message: "Worker and page are of different versions: restart both." }}
        />
      ) : (
        <>
          <Progress value={task?.fraction ?? null} label="Preview" />
          <p className="mt-1 text-muted-foreground">{task?.detail || "Asking a worker"}</p>
        </>
      )}
    </section>
  );
}

function Found({ preview }: { preview: CorpusPreviewResult }) {
  const { documents, problems } = preview;
  return (
    <div className="max-h-80 space-y-2 overflow-y-auto rounded-md border p-3">
      {describePreview(preview).map((text) => (
        <p key={text} className="break-words text-muted-foreground">
          {text}
        </p>
      ))}
      {problems.length > 0 ? (
        <div className="text-bad">
          <p>{formatCount(problems.length, "line")} cannot be used and will be left out:</p>
          <ul className="max-h-32 overflow-y-auto" aria-label="Lines that cannot be used">
            {problems.map(({ line, reason }) => (
              <li key={`${line} ${reason}`} className="break-words">
                line {line} {reason}
              </li>
            ))}
          </ul>
        </div>
      ) : null}
      <ul aria-label="First passages" className="divide-y">
        {documents.map(({ id, title, text }) => (
          <li key={id} className="py-1.5">
            <p className="flex flex-wrap items-baseline gap-x-2">
              <span className="font-medium break-words">{title || "Untitled"}</span>
              <code className="font-mono text-2xs break-all text-muted-foreground">{id}</code>
            </p>
            <p className="line-clamp-3 break-words whitespace-pre-wrap">{text}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}
