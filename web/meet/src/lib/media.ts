import type { Attachment, RemoteStream } from 'tertulia'

interface Play {
  media: MediaStream | undefined
  /** Whose media these are, if somebody else's: the server then sends what fits the element. */
  stream?: RemoteStream | undefined
  /** Weight beside the other pictures. */
  priority?: number
  blocked?: () => void
  painted?: () => void
}

/**
 * Joins a video or audio element to a MediaStream; blocked is called when the browser refuses to play
 * sound, painted when the first picture is on screen.
 */
export function play(element: HTMLMediaElement, options: Play) {
  let current: MediaStream | undefined
  let attachment: Attachment | undefined
  let weight: number | undefined
  const set = ({ media, stream, priority, blocked, painted }: Play) => {
    if (media === current) {
      if (priority !== undefined && priority !== weight) attachment?.setPriority(priority)
      weight = priority
      return
    }
    current = media
    weight = priority
    attachment?.detach()
    attachment = media && stream?.attach(element as HTMLVideoElement, { priority })
    if (!attachment) element.srcObject = media ?? null
    if (!media) return
    if (painted) onPainted(element as HTMLVideoElement, painted)
    element.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === 'NotAllowedError') blocked?.()
    })
  }
  set(options)
  return {
    update: set,
    destroy() {
      attachment?.detach()
      element.srcObject = null
    },
  }
}

function onPainted(video: HTMLVideoElement, painted: () => void) {
  if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(painted)
  else (video as HTMLMediaElement).addEventListener('loadeddata', painted, { once: true })
}

/** Whether the browser lets a page choose the speaker. */
export const canChooseSpeaker = typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype

/** Sends the sound of an element to a speaker. */
export function sink(element: HTMLMediaElement, speaker: string) {
  const set = (id: string) => {
    if (canChooseSpeaker && element.sinkId !== id) element.setSinkId(id).catch(() => undefined)
  }
  set(speaker)
  return { update: set }
}

/**
 * Measures how loud a track is, sixty times a second at most: listener gets 0…1.
 * The result stops that.
 */
export function measure(track: MediaStreamTrack, listener: (level: number) => void): () => void {
  const context = new AudioContext()
  const source = context.createMediaStreamSource(new MediaStream([track]))
  const analyser = context.createAnalyser()
  analyser.fftSize = 512
  source.connect(analyser)
  const samples = new Float32Array(analyser.fftSize)
  let level = 0
  let frame = requestAnimationFrame(function read() {
    analyser.getFloatTimeDomainData(samples)
    let sum = 0
    for (const sample of samples) sum += sample * sample
    const now = loudness(Math.sqrt(sum / samples.length))
    // Up at once, down slowly: words are easier to follow so.
    level = now > level ? now : level * 0.9 + now * 0.1
    listener(track.enabled && track.readyState === 'live' ? level : 0)
    frame = requestAnimationFrame(read)
  })
  return () => {
    cancelAnimationFrame(frame)
    source.disconnect()
    void context.close()
  }
}

/** A root mean square as a share of the range that voices have: −55 dBFS is 0, −12 dBFS is 1. */
export function loudness(rms: number): number {
  if (rms <= 0) return 0
  const decibel = 20 * Math.log10(rms)
  return Math.min(1, Math.max(0, (decibel + 55) / 43))
}
