/**
 * Sees to it that offers have a section for data channels, by one that carries nothing and stays open. To be called
 * when nothing is being negotiated: Firefox (153) has no section for a channel that is opened while a description is being
 * set, unless another is opened afterwards; and it never connects when the only one is closed again. Chromium (156) has
 * none any more once an offer that had it first is taken back, whatever channels there are.
 */
export declare function offerData(pc: RTCPeerConnection): void;
