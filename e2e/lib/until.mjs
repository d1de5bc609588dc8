// Waiting for what must become true.

/** Waits until f gives something truthy, and gives it; says what it last saw when it gives up. */
export async function until(what, f, { seconds = 20, every = 100 } = {}) {
  const end = Date.now() + seconds * 1000;
  let last;
  for (;;) {
    try {
      last = await f();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}; last seen: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
    await sleep(every);
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
