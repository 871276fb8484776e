"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ArrowDown, Download } from "lucide-react";
import { useState } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";
import { saveFile } from "@/app/_lib/save-file";
import { useQueryParams, useSearchText } from "@/app/_lib/hooks/use-params";
import { useTRPC, type LogEntry } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Input, Select } from "@/app/_ui/field";
import { LogView } from "@/app/_ui/log-view";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";

const LIMIT = 2000;
const LEVELS: readonly LogEntry["level"][] = ["debug", "info", "warn", "error"];
const DEFAULT_LEVEL = "info";

/** The run's log, by level and text, searched over the whole of it; the address holds both. */
export function LogsTab({ runId }: { runId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const level = LEVELS.find((one) => one === params.get("level")) ?? DEFAULT_LEVEL;
  const { text, setText, searched } = useSearchText("line");
  const [follows, setFollows] = useState(true);
  const [jump, setJump] = useState(0);
  const query = useQuery(
    trpc.runs.logs.queryOptions(
      { id: runId, level, limit: LIMIT, ...(searched && { text: searched }) },
      { placeholderData: keepPreviousData },
    ),
  );
  const lines = query.data?.lines ?? [];
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
            {describeCount(t, lines.length, searched !== "")}
          </span>
        ) : null}
        <div className="ml-auto flex gap-2">
          <Button size="sm" disabled={follows} onClick={() => setJump((n) => n + 1)}>
            <ArrowDown /> {follows ? t("Following") : t("Follow")}
          </Button>
          <Button
            size="sm"
            disabled={lines.length === 0}
            onClick={() => saveFile(`${runId}.log`, "text/plain", formatLog(lines))}
          >
            <Download /> {t("Save")}
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
            className="h-[calc(100dvh-20rem)] min-h-80"
          />
        )}
      </div>
    </>
  );
}

/** How many lines are shown, and whether there are more. */
function describeCount(t: Text, lines: number, isSearched: boolean): string {
  const count = formatInteger(Math.min(lines, LIMIT));
  if (lines >= LIMIT)
    return isSearched
      ? t("The last {count} lines that contain it", { count })
      : t("The last {count} lines", { count });
  return isSearched ? t("{count} lines that contain it", { count }) : t("{count} lines", { count });
}

const formatLog = (lines: readonly LogEntry[]): string =>
  lines.map((l) => `${l.at.toISOString()} ${l.level} ${l.source} ${l.message}\n`).join("");
