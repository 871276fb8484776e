"use client";
import { ErrorState } from "./_ui/states";

export default function PageError({ error, reset }: { error: Error; reset: () => void }) {
  return <ErrorState title="This page failed to draw" error={error} onRetry={reset} />;
}
