// Streams and cameras without media.

import { LocalStream } from '../src/local-stream.js';

/** As much of a MediaStream as streams need. */
export class FakeMediaStream {
  readonly tracks: unknown[];
  constructor(tracks: unknown[] = []) {
    this.tracks = [...tracks];
  }
  getTracks = (): unknown[] => this.tracks;
  addTrack = (track: unknown): void => void this.tracks.push(track);
  removeTrack = (track: unknown): void => void this.tracks.splice(this.tracks.indexOf(track), 1);
}

/** A microphone and a camera. */
export const camera = (options: { data?: boolean; maxVideoBitrate?: number } = {}): LocalStream =>
  LocalStream.from(
    ['audio', 'video'].map((kind) => ({
      kind,
      id: `own-${kind}`,
      enabled: true,
      getSettings: () => ({ width: 1280, height: 720 }),
      addEventListener: () => {},
    })) as never,
    { ...options, source: (track) => (track.kind === 'audio' ? 'microphone' : 'camera') },
  );
