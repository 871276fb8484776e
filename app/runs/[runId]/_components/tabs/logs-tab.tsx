"use client";
import { useMutation } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, Download } from "lucide-react";
import { useState } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";
import { saveFile } from "@/app/_lib/save-file";
import { useQueryParams, useSearchText } from "@/app/_lib/hooks/use-params";
import type { LogEntry } from "@/app/_lib/live/trpc";
import { useRunLog } from "@/app/_lib/live/use-run-log";
import { Button } from "@/app/_ui/button";
import { Input, Select } from "@/app/_ui/field";
import { LogView } from "@/app/_ui/log-view";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";

const LEVELS: readonly LogEntry["level"][] = ["debug", "info", "warn", "error"];
const DEFAULT_LEVEL = "info";

/** The run's log, by level and text, searched over the whole of it; the address holds both. The last lines first, those before them on demand. */
export function LogsTab({ runId }: { runId: string }) {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const level = LEVELS.find((one) => one === params.get("level")) ?? DEFAULT_LEVEL;
  const { text, setText, searched } = useSearchText("line");
  const [follows, setFollows] = useState(true);
  const [jump, setJump] = useState(0);
  const { query, earlier, readWhole } = useRunLog(runId, { level, text: searched });
  const { lines = [], hasEarlier = false } = query.data ?? {};
  const notify = useNotify();
  const save = useMutation({
    mutationFn: async () => {
      const parts: string[] = [];
      for await (const page of readWhole()) parts.push(formatLog(page));
      return new Blob(parts, { type: "text/plain;charset=utf-8" });
    },
    onSuccess: (content) => saveFile(`${runId}.log`, "text/plain", content),
    onError: ({ message }) =>
      notify("bad", t("The log could not be saved: {message}", { message })),
  });
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <Select
          aria-label={t("Level")}
          className="w-auto"
          value={level}
          onChange={({ target: { value } }) =>
            setParams({ level: value === DEFAULT_LEVEL ? null : value })
          }
          options={LEVELS.map((l) => ({
            value: l,
            text: l === "error" ? t("error only") : t("{level} and graver", { level: l }),
          }))}
        />
        <Input
          type="search"
          aria-label={t("Lines that contain")}
          placeholder={t("Contains")}
          className="w-56"
          maxLength={200}
          value={text}
          onChange={(e) => setText(e.target.value)}
        />
        {query.data ? (
          <span className="text-xs text-muted-foreground" role="status">
            {describeCount(t, lines.length, hasEarlier, searched !== "")}
          </span>
        ) : null}
        <div className="ml-auto flex gap-2">
          <Button size="sm" disabled={follows} onClick={() => setJump((n) => n + 1)}>
            <ArrowDown /> {follows ? t("Following") : t("Follow")}
          </Button>
          <Button
            size="sm"
            disabled={lines.length === 0 || save.isPending}
            title={t("All lines of this level that contain the text, from the first on")}
            onClick={() => save.mutate()}
          >
            <Download /> {save.isPending ? t("Reading…") : t("Save")}
          </Button>
        </div>
      </div>
      <div className="mt-3">
        {query.isPending ? (
          <Skeleton className="h-[28rem]" />
        ) : query.isError && !query.data ? (
          <QueryErrorState title={t("The logs could not be read")} query={query} />
        ) : lines.length === 0 ? (
          <EmptyState title={searched ? t("No line contains this") : t("No line of this level")}>
            {searched ? null : t("Choose a lower level, or wait: new lines appear by themselves.")}
          </EmptyState>
        ) : (
          <LogView
            lines={lines}
            onFollow={setFollows}
            jump={jump}
            head={
              hasEarlier ? (
                <Button
                  size="sm"
                  className="mx-3 mb-1 font-sans"
                  disabled={earlier.isPending || query.isPlaceholderData}
                  onClick={() =>
                    earlier.mutate(undefined, { onError: ({ message }) => notify("bad", message) })
                  }
                >
                  <ArrowUp /> {t("Show earlier")}
                </Button>
              ) : null
            }
            className="h-[calc(100dvh-20rem)] min-h-80"
          />
        )}
      </div>
    </>
  );
}

/** How many lines are shown, and whether there are more before them. */
function describeCount(t: Text, lines: number, hasEarlier: boolean, isSearched: boolean): string {
  const count = formatInteger(lines);
  if (hasEarlier)
    return isSearched
      ? t("The last {count} lines that contain it", { count })
      : t("The last {count} lines", { count });
  return isSearched ? t("{count} lines that contain it", { count }) : t("{count} lines", { count });
}

const formatLog = (lines: readonly LogEntry[]): string =>
  lines.map((l) => `${l.at.toISOString()} ${l.level} ${l.source} ${l.message}\n`).join("");
