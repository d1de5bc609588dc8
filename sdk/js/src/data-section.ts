// The m-section of an offer that data channels need.

const opened = new WeakSet<RTCPeerConnection>();

/**
 * Sees to it that offers have a section for data channels, by one that carries nothing and stays open. To be called
 * when nothing is being negotiated: Firefox (153) has no section for a channel that is opened while a description is being
 * set, unless another is opened afterwards; and it never connects when the only one is closed again. Chromium (156) has
 * none any more once an offer that had it first is taken back, whatever channels there are.
 */
export function offerData(pc: RTCPeerConnection): void {
  if (opened.has(pc)) return; // whatever sctp says: before an answer it may be null
  opened.add(pc);
  // Nobody is told of it. Of the ids that Firefox has from the beginning it is the last that a channel gets by itself.
  pc.createDataChannel('tertulia', { negotiated: true, id: 255 });
}
