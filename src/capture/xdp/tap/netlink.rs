//! What is asked of the kernel by rtnetlink(7), in the network namespace of the calling thread.

use bgptap_bpf::Direction;
use futures_util::StreamExt;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::tc::{
    TcAttribute, TcFilterBpf, TcFilterBpfOption, TcHandle, TcMessage, TcOption,
};
use std::io;

/// Adds a link of a name that there must not be yet.
pub(super) fn add_link(link: LinkMessage) -> io::Result<()> {
    let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    request(RouteNetlinkMessage::NewLink(link), flags).map(|_| ())
}

/// Changes the link with the index in `link`.
pub(super) fn set_link(link: LinkMessage) -> io::Result<()> {
    request(RouteNetlinkMessage::SetLink(link), NLM_F_ACK).map(|_| ())
}

/// Deletes a link, and the other end of a veth with it.
pub(super) fn delete_link(index: u32) -> io::Result<()> {
    let mut link = LinkMessage::default();
    link.header.index = index;
    request(RouteNetlinkMessage::DelLink(link), NLM_F_ACK).map(|_| ())
}

/// Gives a link a queue that holds as many frames as its `txqueuelen` says (tc-pfifo(8)).
pub(super) fn queue(index: u32) -> io::Result<()> {
    let mut qdisc = TcMessage::with_index(index.cast_signed());
    qdisc.header.parent = TcHandle::ROOT;
    qdisc.attributes.push(TcAttribute::Kind("pfifo".into()));
    let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
    request(RouteNetlinkMessage::NewQueueDiscipline(qdisc), flags).map(|_| ())
}

/// Deletes the clsact qdisc of a link if no filter is in it.
pub(super) fn delete_empty_clsact(index: u32) -> io::Result<()> {
    for minor in [TcHandle::MIN_INGRESS, TcHandle::MIN_EGRESS] {
        if !filters(index, minor)?.is_empty() {
            return Ok(());
        }
    }
    let mut qdisc = TcMessage::with_index(index.cast_signed());
    qdisc.header.parent = TcHandle::CLSACT;
    qdisc.attributes.push(TcAttribute::Kind("clsact".into()));
    request(RouteNetlinkMessage::DelQueueDiscipline(qdisc), NLM_F_ACK).map(|_| ())
}

/// Deletes the filters of a tap's program in one direction of the clsact qdisc of a link; how many there were.
pub(super) fn delete_filters(index: u32, direction: Direction) -> io::Result<usize> {
    let minor = match direction {
        Direction::Ingress => TcHandle::MIN_INGRESS,
        Direction::Egress => TcHandle::MIN_EGRESS,
    };
    let mut deleted = 0;
    for found in filters(index, minor)? {
        if program(&found) != Some(direction.program()) {
            continue;
        }
        // Its handle, priority and protocol are in the header; of the attributes the kernel wants the kind alone.
        let mut filter = TcMessage::with_index(index.cast_signed());
        filter.header = found.header;
        let kind = TcAttribute::Kind(TcFilterBpf::KIND.into());
        filter.attributes.push(kind);
        request(RouteNetlinkMessage::DelTrafficFilter(filter), NLM_F_ACK)?;
        deleted += 1;
    }
    Ok(deleted)
}

/// The name of a BPF filter. Others have none: what that attribute is in theirs is another thing (`TCA_U32_ACT`).
fn program(filter: &TcMessage) -> Option<&str> {
    let options = filter
        .attributes
        .iter()
        .filter_map(|attribute| match attribute {
            TcAttribute::Options(options) => Some(options),
            _ => None,
        });
    options.flatten().find_map(|option| match option {
        TcOption::Bpf(TcFilterBpfOption::ProgName(name)) => Some(name.as_str()),
        _ => None,
    })
}

/// The filters in one direction of the clsact qdisc of a link; none where it has no such qdisc.
fn filters(index: u32, minor: u16) -> io::Result<Vec<TcMessage>> {
    let mut wanted = TcMessage::with_index(index.cast_signed());
    wanted.header.parent = TcHandle {
        major: TcHandle::CLSACT.major,
        minor,
    };
    let answers = request(RouteNetlinkMessage::GetTrafficFilter(wanted), NLM_F_DUMP)?;
    let filters = answers.into_iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewTrafficFilter(filter) => Some(filter),
        _ => None,
    });
    Ok(filters.collect())
}

/// Sends one message and returns what answers it; an error that the kernel answers is one here.
fn request(message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let (connection, mut handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        let mut message = NetlinkMessage::from(message);
        message.header.flags = NLM_F_REQUEST | flags;
        let mut answers = handle.request(message).map_err(io::Error::other)?;
        let mut found = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer.payload {
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                NetlinkPayload::InnerMessage(inner) => found.push(inner),
                _ => {}
            }
        }
        Ok(found)
    })
}
