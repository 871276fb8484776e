"use client";
import { CircleAlert, CircleHelp } from "lucide-react";
import { markText, type Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { CopyButton } from "@/app/_ui/copy-button";
import type { RunPart } from "@/contracts/api/question-sets";

const KIND_LABEL: Record<RunPart["kind"], string> = {
  questions: markText("question set"),
  model: markText("model"),
  corpus: markText("corpus"),
  encoder: markText("encoder"),
  retriever: markText("retriever"),
  generator: markText("generator"),
};

/** What a preset lacks here: each part with its size, its licence and the command that fetches it. */
export function PartsToFetch({ parts }: { parts: readonly RunPart[] }) {
  const t = useText();
  return (
    <ul className="mt-1 space-y-1" aria-label={t("Parts to fetch")}>
      {parts.map((part) => (
        <li key={`${part.kind} ${part.name}`} className="flex gap-1.5">
          {part.state === "missing" ? (
            <CircleAlert className="mt-0.5 size-3.5 shrink-0 text-warn" aria-hidden />
          ) : (
            <CircleHelp className="mt-0.5 size-3.5 shrink-0" aria-hidden />
          )}
          <div className="min-w-0">
            <span className={part.state === "missing" ? "text-warn" : undefined}>
              {describePart(t, part)}
            </span>
            {part.command === null ? null : (
              <span className="flex items-center gap-1">
                <code className="min-w-0 font-mono break-words text-foreground">
                  {part.command}
                </code>
                <CopyButton
                  text={part.command}
                  label={t("Copy the command")}
                  size="icon-sm"
                  variant="ghost"
                />
              </span>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

function describePart(t: Text, { kind, name, state, downloadGiB, licence }: RunPart): string {
  const what = { kind: t(KIND_LABEL[kind]), name };
  return [
    state === "missing"
      ? t("The {kind} {name} is not here", what)
      : t("The {kind} {name} is asked at an address; if nothing serves it there yet", what),
    ...(downloadGiB === null ? [] : [t("{size} GiB to download", { size: downloadGiB })]),
    ...(licence === null ? [] : [t("licence: {licence}", { licence })]),
  ].join(" · ");
}
