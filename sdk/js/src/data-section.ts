// The m-section of an offer that data channels need.

/**
 * Sees to it that the next offer has a section for data channels, by one that carries nothing and stays open. To be called
 * when nothing is being negotiated: Firefox (153) has no section for a channel that is opened while a description is being
 * set, unless another is opened afterwards; and it never connects when the only one is closed again.
 */
export function offerData(pc: RTCPeerConnection): void {
  // Nobody is told of it. Of the ids that Firefox has from the beginning it is the last that a channel gets by itself.
  if (!pc.sctp) pc.createDataChannel('tertulia', { negotiated: true, id: 255 });
}
