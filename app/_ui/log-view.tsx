"use client";
import { useLayoutEffect, useRef, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "./cn";
import { formatDateTime, formatTime } from "@/app/_lib/format/format";
import type { LogEntry } from "@/app/_lib/live/trpc";
import { ScrollRegion } from "./scroll-region";

const TONE: Record<LogEntry["level"], string> = {
  debug: "text-muted-foreground",
  info: "text-muted-foreground",
  warn: "text-warn",
  error: "text-bad",
};

interface LogViewProps {
  lines: readonly LogEntry[];
  className?: string;
  /** It was scrolled to its end, from where it follows new lines, or away from it. */
  onFollow?: (follows: boolean) => void;
  /** Counted up: scroll to the end. */
  jump?: number;
  /** Stands before the first line. */
  head?: ReactNode;
}

/** Log lines, oldest first. It follows new lines only while it is scrolled to its end; elsewhere what is read stays in its place. */
export function LogView({ lines, className, onFollow, jump = 0, head }: LogViewProps) {
  const t = useText();
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const lastId = lines.at(-1)?.id;
  const firstId = lines[0]?.id;
  const firstBefore = useRef(firstId);
  // Earlier lines push those that are read down by their height.
  useLayoutEffect(() => {
    const element = box.current;
    const find = (id: string | undefined) =>
      element?.querySelector<HTMLElement>(`[data-line="${id}"]`);
    const [before, now] = [find(firstBefore.current), find(firstId)];
    firstBefore.current = firstId;
    if (element && before && now && !atEnd.current)
      element.scrollTop += before.offsetTop - now.offsetTop;
  }, [firstId]);
  useLayoutEffect(() => {
    const element = box.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [lastId]);
  useLayoutEffect(() => {
    if (box.current && jump > 0) box.current.scrollTop = box.current.scrollHeight;
  }, [jump]);
  return (
    <ScrollRegion
      ref={box}
      role="log"
      label={t("Log")}
      onScroll={(e) => {
        const { scrollHeight, scrollTop, clientHeight } = e.currentTarget;
        const follows = scrollHeight - scrollTop - clientHeight < 40;
        if (follows !== atEnd.current) onFollow?.(follows);
        atEnd.current = follows;
      }}
      className={cn(
        "overflow-auto rounded-lg [overflow-anchor:none] border bg-card py-2 font-mono text-2xs leading-5",
        className,
      )}
    >
      {head}
      {lines.map((line) => (
        <div
          key={line.id}
          data-line={line.id}
          className="grid grid-cols-[4rem_3rem_minmax(0,1fr)] gap-x-2 px-3 hover:bg-muted/60 sm:grid-cols-[4.5rem_3rem_7rem_minmax(0,1fr)]"
        >
          <time title={formatDateTime(t, line.at)} className="text-muted-foreground">
            {formatTime(line.at)}
          </time>
          <span className={TONE[line.level]}>{line.level}</span>
          <span className="hidden truncate text-muted-foreground sm:block">{line.source}</span>
          <span
            className={cn("break-words whitespace-pre-wrap", line.level === "error" && "text-bad")}
          >
            {line.message}
          </span>
        </div>
      ))}
    </ScrollRegion>
  );
}
