//! Tunnel encapsulation, prefix SIDs and BGPsec.

use crate::{Template, compare};

const ENCAPS: &[Template] = &[
    Template {
        code: 23,
        value: "0008000e 010c ?? ?????? ???????????? 0000",
        fields: &[
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.vxlan.vnid",
                "tunnel_encapsulation/0/tlvs/0/vni",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.vxlan.mac",
                "tunnel_encapsulation/0/tlvs/0/mac",
            ),
        ],
    },
    Template {
        code: 23,
        value: "0009000e 010c ?? ?????? ???????????? 0000",
        fields: &[
            (
                "bgp.update.encaps_tunnel_tlv_type",
                "tunnel_encapsulation/*/type",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.nvgre.vnid",
                "tunnel_encapsulation/0/tlvs/0/vni",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.nvgre.mac",
                "tunnel_encapsulation/0/tlvs/0/mac",
            ),
        ],
    },
    Template {
        code: 23,
        value: "0001000e 010c ???????? ????????????????  00020006 0104 ????????",
        fields: &[
            (
                "bgp.update.encaps_tunnel_tlv_subtlv_session_id",
                "tunnel_encapsulation/0/tlvs/0/session",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv_cookie",
                "tunnel_encapsulation/0/tlvs/0/cookie",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv_gre_key",
                "tunnel_encapsulation/1/tlvs/0/key",
            ),
        ],
    },
    Template {
        code: 23,
        value: "000f0022 0c06 0000 ???????? 0d06 0000 ???????? 0e03 0000 ?? 0f02 ?? 00
            810006 00 ~~~~~~~~~~",
        fields: &[
            (
                "bgp.update.encaps_tunnel_subtlv_type",
                "tunnel_encapsulation/0/tlvs/*/type",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.pref.preference",
                "tunnel_encapsulation/0/tlvs/0/value",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.enlp.preference",
                "tunnel_encapsulation/0/tlvs/2/value",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.priority.priority",
                "tunnel_encapsulation/0/tlvs/3/value",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.policy_name.name",
                "tunnel_encapsulation/0/tlvs/4/value",
            ),
        ],
    },
    Template {
        code: 23,
        value: "000f0014 800011 00 0106 0000 ???????? 0106 0000 ????????",
        fields: &[
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.segment_list.subtlv.type",
                "tunnel_encapsulation/0/tlvs/0/tlvs/*/type",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.segment_list_subtlv.mpls_label",
                "tunnel_encapsulation/0/tlvs/0/tlvs/*/label",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.segment_list_subtlv.traffic_class",
                "tunnel_encapsulation/0/tlvs/0/tlvs/*/tc",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.segment_list_subtlv.bottom_stack",
                "tunnel_encapsulation/0/tlvs/0/tlvs/*/s",
            ),
            (
                "bgp.update.encaps_tunnel_tlv_subtlv.segment_list_subtlv.ttl",
                "tunnel_encapsulation/0/tlvs/0/tlvs/*/ttl",
            ),
        ],
    },
];

const SIDS: &[Template] = &[
    Template {
        code: 40,
        value: "010007 00 ???? ????????",
        fields: &[("bgp.prefix_sid.label_index.value", "prefix_sid/0/value")],
    },
    Template {
        code: 40,
        value: "03000e 0000 ?????? ?????? ?????? ??????",
        fields: &[
            (
                "bgp.prefix_sid.originator_srgb_base",
                "prefix_sid/0/ranges/*/first",
            ),
            (
                "bgp.prefix_sid.originator_srgb_range",
                "prefix_sid/0/ranges/*/range",
            ),
        ],
    },
    Template {
        code: 40,
        value: "050022 00 01001e 00 ???????????????????????????????? 00 ???? 00
            010006 ????????????",
        fields: &[
            (
                "bgp.prefix_sid.srv6_l3vpn.sid_value",
                "prefix_sid/0/tlvs/0/sid",
            ),
            (
                "bgp.prefix_sid.srv6_l3vpn.srv6_endpoint_behavior",
                "prefix_sid/0/tlvs/0/behavior",
            ),
            (
                "bgp.prefix_sid.srv6_l3vpn.sid.locator_block_len",
                "prefix_sid/0/tlvs/0/tlvs/0/locator_block",
            ),
            (
                "bgp.prefix_sid.srv6_l3vpn.sid.locator_node_len",
                "prefix_sid/0/tlvs/0/tlvs/0/locator_node",
            ),
            (
                "bgp.prefix_sid.srv6_l3vpn.sid.func_len",
                "prefix_sid/0/tlvs/0/tlvs/0/function",
            ),
            (
                "bgp.prefix_sid.srv6_l3vpn.sid.arg_len",
                "prefix_sid/0/tlvs/0/tlvs/0/argument",
            ),
            (
                "bgp.prefix_sid.srv6_l3vpn.sid.trans_len",
                "prefix_sid/0/tlvs/0/tlvs/0/transposition_length",
            ),
            (
                "bgp.prefix_sid.srv6_l3vpn.sid.trans_offset",
                "prefix_sid/0/tlvs/0/tlvs/0/transposition_offset",
            ),
        ],
    },
    Template {
        code: 40,
        value: "060019 00 010015 00 ???????????????????????????????? 00 ???? 00",
        fields: &[
            (
                "bgp.prefix_sid.srv6_l2vpn.sid_value",
                "prefix_sid/0/tlvs/0/sid",
            ),
            (
                "bgp.prefix_sid.srv6_l2vpn.srv6_endpoint_behavior",
                "prefix_sid/0/tlvs/0/behavior",
            ),
        ],
    },
    Template {
        code: 33,
        value: "000e ?? 80 ???????? ?? 00 ????????
            0035 ?? ???????????????????????????????????????? 0002 ????
                ???????????????????????????????????????? 0004 ????????",
        fields: &[
            (
                "bgp.update.path_attribute.bgpsec.sps.pcount",
                "bgpsec_path/secure_path/*/pcount",
            ),
            (
                "bgp.update.path_attribute.bgpsec.sps.flags",
                "bgpsec_path/secure_path/*/flags",
            ),
            (
                "bgp.update.path_attribute.bgpsec.sps.as",
                "bgpsec_path/secure_path/*/asn",
            ),
            (
                "bgp.update.path_attribute.bgpsec.sb.algo_id",
                "bgpsec_path/signature_blocks/*/algorithm",
            ),
            (
                "bgp.update.path_attribute.bgpsec.ss.ski",
                "bgpsec_path/signature_blocks/*/signatures/*/ski",
            ),
            (
                "bgp.update.path_attribute.bgpsec.ss.sig",
                "bgpsec_path/signature_blocks/*/signatures/*/signature",
            ),
        ],
    },
];

#[test]
fn tunnels_and_policies() {
    compare(ENCAPS);
}

#[test]
fn sids_and_signatures() {
    compare(SIDS);
}
