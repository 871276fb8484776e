"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { formatInteger } from "@/app/_lib/format";
import { useTRPC, type LogEntry } from "@/app/_lib/trpc";
import { Input, Select } from "@/app/_ui/field";
import { LogView } from "@/app/_ui/log-view";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";

const LIMIT = 1000;
const LEVELS: readonly LogEntry["level"][] = ["debug", "info", "warn", "error"];

/** The run's log, by level and text. */
export function LogsTab({ runId }: { runId: string }) {
  const trpc = useTRPC();
  const [level, setLevel] = useState<LogEntry["level"]>("info");
  const [text, setText] = useState("");
  const query = useQuery(
    trpc.runs.logs.queryOptions(
      { id: runId, level, limit: LIMIT },
      { placeholderData: keepPreviousData },
    ),
  );
  const all = query.data?.lines ?? [];
  const wanted = text.trim().toLowerCase();
  const lines = wanted
    ? all.filter(
        (l) => l.message.toLowerCase().includes(wanted) || l.source.toLowerCase().includes(wanted),
      )
    : all;
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <Select
          aria-label="Level"
          className="w-auto"
          value={level}
          onChange={(e) => setLevel(LEVELS.find((l) => l === e.target.value) ?? "info")}
          options={LEVELS.map((l) => ({
            value: l,
            text: l === "error" ? "error only" : `${l} and graver`,
          }))}
        />
        <Input
          type="search"
          aria-label="Lines that contain"
          placeholder="Contains"
          className="w-56"
          value={text}
          onChange={(e) => setText(e.target.value)}
        />
        <span className="text-xs text-muted-foreground">
          {all.length >= LIMIT
            ? `The last ${formatInteger(LIMIT)} lines`
            : `${formatInteger(all.length)} lines`}
          {wanted ? `, ${formatInteger(lines.length)} contain it` : ""}
        </span>
      </div>
      <div className="mt-3">
        {query.isPending ? (
          <Skeleton className="h-[28rem]" />
        ) : query.isError ? (
          <QueryErrorState title="The logs could not be read" query={query} />
        ) : lines.length === 0 ? (
          <EmptyState title={wanted ? "No line contains this" : "No line of this level"}>
            {wanted ? null : "Choose a lower level, or wait: new lines appear by themselves."}
          </EmptyState>
        ) : (
          <LogView lines={lines} className="h-[calc(100dvh-20rem)] min-h-80" />
        )}
      </div>
    </>
  );
}
