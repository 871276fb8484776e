import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger, formatShare } from "@/app/_lib/format/format";
import type { ImportedResults } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";
import { METHODS } from "@/core/run/methods";
import type { MethodName } from "@/contracts/records/episode";
import type { RecognisedFolder } from "./upstream-parts";

export type PartState =
  | { kind: "sending" }
  | { kind: "done"; result: ImportedResults }
  | { kind: "failed"; reason: string };

/** What a folder holds, and what became of each part. Every dropped file is listed. */
export function ImportParts({
  folder: { parts, skipped, problems },
  states,
  method,
}: {
  folder: RecognisedFolder;
  states: Readonly<Record<number, PartState>>;
  /** Chosen for all. */ method: MethodName | null;
}) {
  const t = useText();
  return (
    <div className="space-y-3 text-xs">
      {parts.length > 0 ? (
        <ul className="divide-y rounded-md border" aria-label={t("Recognised")}>
          {parts.map((part, i) => (
            <li
              key={`${part.kind} ${part.label}`}
              className="px-3 py-2"
              data-part={part.label}
              data-part-state={states[i]?.kind ?? "recognised"}
            >
              <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
                <span className="min-w-0 font-medium break-all">{part.label}</span>
                <Badge tone="primary">
                  {part.kind === "rollouts"
                    ? t("training")
                    : t(
                        METHODS[part.method === "rag" ? "rag" : (method ?? part.method ?? "s3")]
                          .title,
                      )}
                </Badge>
                {states[i]?.kind === "sending" ? <Badge>{t("importing")}</Badge> : null}
              </p>
              <p className="text-muted-foreground">
                {part.holds.join(" · ")} ·{" "}
                {t("{files, plural, one {# file} other {# files}}", { files: part.files.length })}
              </p>
              <Outcome state={states[i]} />
            </li>
          ))}
        </ul>
      ) : (
        <p className="rounded-md border px-3 py-2">
          {t("None of these files is one of upstream's.")}
        </p>
      )}
      {problems.length > 0 ? <Reasons problems={problems} /> : null}
      {skipped.length > 0 ? (
        <details>
          <summary className="cursor-pointer text-muted-foreground">
            {t("{files, plural, one {# file} other {# files}} left alone: not upstream's", {
              files: skipped.length,
            })}
          </summary>
          <ul
            className="mt-1 max-h-32 overflow-y-auto pl-4 text-muted-foreground"
            aria-label={t("Left alone")}
          >
            {skipped.map((path) => (
              <li key={path} className="break-all">
                {path}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </div>
  );
}

function Reasons({ problems }: { problems: RecognisedFolder["problems"] }) {
  const t = useText();
  return (
    <ul className="max-h-40 space-y-1 overflow-y-auto text-bad" aria-label={t("Not imported")}>
      {problems.map(({ path, reason }) => (
        <li key={`${path} ${reason}`} className="break-words">
          <span className="font-medium break-all">{path}</span>: {reason}
        </li>
      ))}
    </ul>
  );
}

function Outcome({ state }: { state: PartState | undefined }) {
  const t = useText();
  if (!state || state.kind === "sending") return null;
  if (state.kind === "failed")
    return (
      <p className="mt-1 break-words whitespace-pre-wrap text-bad" role="alert">
        {t.message(state.reason)}
      </p>
    );
  return (
    <div className="mt-1 space-y-1">
      {state.result.runs.map((run) => (
        <div key={run.id}>
          <p>
            {t.rich(
              run.accuracy === null
                ? "<run>{name}</run>: {episodes, plural, one {# episode} other {# episodes}}, questions {questions}"
                : "<run>{name}</run>: {episodes, plural, one {# episode} other {# episodes}}, {accuracy} of {scored}, questions {questions}",
              {
                run: (name) => (
                  <Link
                    href={`/runs/${run.id}`}
                    className="font-medium text-primary hover:underline"
                  >
                    {name}
                  </Link>
                ),
                name: run.name,
                episodes: run.episodes,
                accuracy: formatShare(run.accuracy),
                scored: formatInteger(run.scored),
                questions: run.questions,
              },
            )}
          </p>
          {run.unmatchedCount > 0 ? (
            <details className="text-warn">
              <summary className="cursor-pointer">
                {t(
                  "{unmatchedCount, plural, one {# question} other {# questions}} not in the set, left out",
                  { unmatchedCount: run.unmatchedCount },
                )}
              </summary>
              <ul className="mt-1 max-h-32 overflow-y-auto pl-4">
                {run.unmatched.map((question) => (
                  <li key={question}>{question}</li>
                ))}
                {run.unmatchedCount > run.unmatched.length ? (
                  <li>
                    {t("and {left} more", {
                      left: formatInteger(run.unmatchedCount - run.unmatched.length),
                    })}
                  </li>
                ) : null}
              </ul>
            </details>
          ) : null}
          {run.notes.map((note) => (
            <p key={note} className="text-warn">
              {note}
            </p>
          ))}
        </div>
      ))}
      {state.result.problems.length > 0 ? <Reasons problems={state.result.problems} /> : null}
    </div>
  );
}
