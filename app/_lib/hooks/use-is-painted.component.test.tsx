import { renderHook, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { useIsPainted } from "./use-is-painted";

it("is false until the first page is painted, and true from the start on later ones", async () => {
  const renders: boolean[] = [];
  const page = renderHook(() => {
    const isPainted = useIsPainted();
    renders.push(isPainted);
    return isPainted;
  });
  expect(renders).toEqual([false]);
  await waitFor(() => expect(page.result.current).toBe(true));
  expect(renderHook(useIsPainted).result.current).toBe(true);
});
