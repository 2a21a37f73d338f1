/**
 * Written by scripts/list-load/phone_zones.py from the data of libphonenumber 9.0.43 (Apache License 2.0). Do not edit.
 * Area codes of country code 1. A line: time zones, regions, area codes.
 */
export const AREA_CODES = `
America/Adak,America/Anchorage,America/Juneau,Pacific/Honolulu US-AK 907
America/Anguilla AI 264
America/Antigua AG 268
America/Barbados BB 246
America/Boise,America/Denver,America/Los_Angeles US-ID 208 986
America/Boise,America/Denver,America/Los_Angeles US-NV 775
America/Cayman KY 345
America/Chicago US-AL 205 251 256 334 659 938
America/Chicago US-AR 327 479 501 870
America/Chicago US-IA 319 515 563 641 712
America/Chicago US-IL 217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 872
America/Chicago US-KS 316 913
America/Chicago US-LA 225 318 337 504 985
America/Chicago US-MN 218 320 507 612 651 763 952
America/Chicago US-MO 235 314 417 557 573 636 660 816 975
America/Chicago US-MS 228 601 662 769
America/Chicago US-NE 402 531
America/Chicago US-OK 405 539 572 580 918
America/Chicago US-TN 615 629 731 901 931
America/Chicago US-TX 210 214 254 281 325 346 361 409 430 432 469 512 682 713 726 737 806 817 830 832 903 936 940 945 956 972 979
America/Chicago US-WI 262 274 353 414 534 608 715 920
America/Chicago,America/Denver US-KS 620 785
America/Chicago,America/Denver US-NE 308
America/Chicago,America/Denver,America/North_Dakota/Center US-ND 701
America/Chicago,America/Denver,America/North_Dakota/Center US-SD 605
America/Chicago,America/New_York US-FL 448 850
America/Chicago,America/New_York US-IN 219 574 812 930
America/Chicago,America/New_York US-KY 270 364 606
America/Chicago,America/New_York US-MI 906
America/Chicago,America/New_York US-TN 423
America/Denver US-CO 303 719 720 748 970 983
America/Denver US-MT 406
America/Denver US-NM 505 575
America/Denver US-TX 915
America/Denver US-UT 385 435 801
America/Denver US-WY 307
America/Denver,America/Los_Angeles US-OR 458 541
America/Denver,America/Phoenix US-AZ 928
America/Dominica DM 767
America/Edmonton CA-AB 368 403 587 780 825
America/Edmonton,America/Fort_Nelson,America/Toronto,America/Vancouver,America/Winnipeg CA-NT,CA-NU,CA-YT 867
America/Edmonton,America/Vancouver CA-BC 236 250 257 672 778
America/Grand_Turk TC 649
America/Grenada GD 473
America/Halifax CA-NB 428 506
America/Halifax CA-NS,CA-PE 782 902
America/Halifax,America/St_Johns CA-NL 709 879
America/Halifax,America/Toronto CA-QC 367 418 581
America/Jamaica JM 658 876
America/Los_Angeles US-CA 209 213 279 310 323 341 350 369 408 415 424 442 510 530 559 562 619 626 628 650 657 661 669 707 714 738 747 760 805 818 820 831 840 858 909 916 925 949 951
America/Los_Angeles US-NV 702 725
America/Los_Angeles US-OR 503 971
America/Los_Angeles US-WA 206 253 360 425 509 564
America/Lower_Princes SX 721
America/Montserrat MS 664
America/Nassau BS 242
America/New_York US-CT 203 475 860 959
America/New_York US-DC 202 771
America/New_York US-DE 302
America/New_York US-FL 239 305 321 324 352 386 407 561 645 656 689 727 728 754 772 786 813 863 904 941 954
America/New_York US-GA 229 404 470 478 678 706 762 770 912 943
America/New_York US-IN 260 317 463 765
America/New_York US-KY 502 859
America/New_York US-MA 339 351 413 508 617 774 781 857 978
America/New_York US-MD 227 240 301 410 443 667
America/New_York US-ME 207
America/New_York US-MI 231 248 269 313 517 586 616 734 810 947 989
America/New_York US-NC 252 336 472 704 743 828 910 919 980 984
America/New_York US-NH 603
America/New_York US-NJ 201 551 609 640 732 848 856 862 908 973
America/New_York US-NY 212 315 329 332 347 363 516 518 585 607 631 646 680 716 718 838 845 914 917 929 934
America/New_York US-OH 216 220 234 283 326 330 380 419 440 513 567 614 740 937
America/New_York US-PA 215 223 267 272 412 445 484 570 582 610 717 724 814 835 878
America/New_York US-RI 401
America/New_York US-SC 803 821 839 843 854 864
America/New_York US-TN 865
America/New_York US-VA 276 434 540 571 686 703 757 804 826 948
America/New_York US-VT 802
America/New_York US-WV 304 681
America/Phoenix US-AZ 480 520 602 623
America/Port_of_Spain TT 868
America/Puerto_Rico US-PR 787 939
America/Regina CA-SK 306 639
America/Santo_Domingo DO 809 829 849
America/St_Kitts KN 869
America/St_Lucia LC 758
America/St_Thomas US-VI 340
America/St_Vincent VC 784
America/Toronto CA-ON 226 249 289 343 365 382 416 437 519 548 613 647 683 705 742 753 905 942
America/Toronto CA-QC 263 273 354 438 450 468 514 579 819 873
America/Toronto,America/Winnipeg CA-ON 807
America/Tortola VG 284
America/Vancouver CA-BC 604
America/Winnipeg CA-MB 204 431 584
America/Winnipeg CA-SK 474
Atlantic/Bermuda BM 441
Pacific/Guam US-GU 671
Pacific/Honolulu US-HI 808
Pacific/Pago_Pago US-AS 684
Pacific/Saipan US-MP 670
`;
