"use client";
import { TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "./cn";
import { Button } from "./button";

/** Shown while something loads, in the size of what comes, so that nothing moves when it arrives. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn("animate-pulse rounded-md bg-muted", className)} />;
}

type EmptyStateProps = { title: string; children?: ReactNode; action?: ReactNode };

type SkeletonListProps = { count: number; className: string; list: string };

/** Several of them; `list` is the class of their box. */
export function SkeletonList({ count, className, list }: SkeletonListProps) {
  return (
    <div className={list} aria-busy>
      {Array.from({ length: count }, (_, i) => (
        <Skeleton key={i} className={className} />
      ))}
    </div>
  );
}

/** Says why a list is empty and what to do next. */
export function EmptyState({ title, children, action }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center rounded-lg border border-dashed px-6 py-12 text-center">
      <p className="font-medium">{title}</p>
      {children ? <div className="mt-1 max-w-md text-muted-foreground">{children}</div> : null}
      {action ? <div className="mt-4">{action}</div> : null}
    </div>
  );
}

interface ErrorStateProps {
  title: string;
  error: { message: string } | null;
  onRetry?: () => void;
  children?: ReactNode;
  className?: string;
}

/** Says what failed, with the server's message and a way to try again; nothing where nothing has failed. */
export function ErrorState({ title, error, onRetry, children, className }: ErrorStateProps) {
  const t = useText();
  if (error === null) return null;
  return (
    <div
      role="alert"
      className={cn("rounded-lg border border-bad/30 bg-bad-soft px-4 py-3", className)}
    >
      <p className="flex items-center gap-2 font-medium text-bad">
        <TriangleAlert className="size-4 shrink-0" aria-hidden /> {title}
      </p>
      <p className="mt-1 text-xs break-words whitespace-pre-wrap">{t.message(error.message)}</p>
      {children}
      {onRetry ? (
        <Button size="sm" className="mt-3" onClick={onRetry}>
          {t("Try again")}
        </Button>
      ) : null}
    </div>
  );
}

interface QueryErrorStateProps extends Omit<ErrorStateProps, "error" | "onRetry"> {
  query: { error: { message: string } | null; refetch: () => unknown };
}

/** Why a query failed, with a button that asks again; nothing where it has not failed. */
export function QueryErrorState({ query, ...props }: QueryErrorStateProps) {
  return <ErrorState error={query.error} onRetry={() => void query.refetch()} {...props} />;
}
